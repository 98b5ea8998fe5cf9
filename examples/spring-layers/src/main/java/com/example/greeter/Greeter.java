package com.example.greeter;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Greets by name. */
@SpringBootApplication
@RestController
public class Greeter {
  public static void main(String[] words) {
    SpringApplication.run(Greeter.class, words);
  }

  @GetMapping("/")
  public Map<String, String> greet(@RequestParam(defaultValue = "stranger") String name) {
    return Map.of("greeting", "Good day, " + name);
  }
}
