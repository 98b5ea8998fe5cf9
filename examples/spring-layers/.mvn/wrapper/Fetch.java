import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Saves what is at a URL to a file: a JDK is all that is needed. */
public final class Fetch {
  public static void main(String[] words) throws Exception {
    try (InputStream in = URI.create(words[0]).toURL().openStream()) {
      Files.copy(in, Path.of(words[1]), StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
