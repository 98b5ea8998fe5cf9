import { PLAIN_GO } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';

/** Dockerfiles of the module of a course. */
export const MODULE_CASES: readonly SeedCase[] = [
  {
    section: '2. The Solution: Multi-Stage Builds',
    title: 'Go on scratch',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /app
COPY . .
RUN go build -o myapp .
FROM scratch
COPY --from=builder /app/myapp /myapp
CMD ["/myapp"]
`,
    has: ['myapp'],
    lacks: ['app', 'usr', 'bin'],
    program: { prints: 'plain answer' },
    notes: ['without CGO_ENABLED=0 only programs without net or os/user run on scratch'],
  },
  {
    section: '1. Java (Maven + JRE)',
    title: 'Maven, then a JRE',
    examples: ['java-maven'],
    dockerfile: `FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /app
COPY pom.xml .
RUN mvn dependency:go-offline
COPY src ./src
RUN mvn package -DskipTests
FROM eclipse-temurin:17-jre
WORKDIR /app
COPY --from=build /app/target/myapp.jar app.jar
CMD ["java", "-jar", "app.jar"]
`,
    has: ['app/app.jar'],
    lacks: ['app/src', 'root/.m2', 'usr/share/maven', 'usr/bin/javac'],
    service: { port: 8080, answers: '{"dice":[' },
  },
  {
    section: '2. Go (Golang + Scratch)',
    title: 'a static program',
    examples: ['go-service'],
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /bin/app .
FROM scratch
COPY --from=builder /bin/app /app
CMD ["/app"]
`,
    has: ['app'],
    lacks: ['src', 'usr', 'bin'],
    service: { port: 8080, answers: '"version":"1.0.0"' },
  },
  {
    section: '5. Advanced: Copying from Other Images',
    title: 'a tool of another image',
    isQuick: true,
    dockerfile: `FROM alpine:latest
COPY --from=hashicorp/terraform:latest /bin/terraform /bin/terraform
`,
    has: ['bin/terraform'],
    program: { command: ['terraform'], prints: 'stand-in' },
    notes: ['the stand-in for hashicorp/terraform can only tell its name'],
  },
];
