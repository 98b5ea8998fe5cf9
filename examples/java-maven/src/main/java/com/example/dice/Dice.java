package com.example.dice;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/** Throws five dice for everyone who asks. */
public final class Dice {
  private static final int PORT = 8080;
  private static final int COUNT = 5;

  private Dice() {}

  public static void main(String[] words) throws IOException {
    Random random = new Random();
    Gson gson = new Gson();
    HttpServer server = HttpServer.create(new InetSocketAddress(PORT), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] body =
              gson.toJson(Map.of("dice", roll(random))).getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, body.length);
          try (var out = exchange.getResponseBody()) {
            out.write(body);
          }
        });
    server.start();
    System.out.println("listening on " + PORT);
  }

  private static List<Integer> roll(Random random) {
    return IntStream.range(0, COUNT).map(i -> 1 + random.nextInt(6)).boxed().toList();
  }
}
