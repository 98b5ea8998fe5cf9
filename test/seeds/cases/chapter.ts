import { GO_TOOLS, PLAIN_NODE } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';

const TARGETS = `FROM node:20-alpine AS base
WORKDIR /app
COPY package*.json ./

FROM base AS dev
RUN npm install
CMD ["npm", "run", "dev"]

FROM base AS test
RUN npm ci
COPY . .
CMD ["npm", "test"]

FROM base AS prod
RUN npm ci --only=production
COPY . .
CMD ["npm", "start"]
`;
const TECHNIQUES = 'SECTION 6.4: ADVANCED TECHNIQUES';
const TIPS = 'SECTION 6.5: OPTIMIZATION TIPS';

/** Dockerfiles of the chapter of a book. */
export const CHAPTER_CASES: readonly SeedCase[] = [
  {
    section: 'SECTION 6.1: THE SIZE PROBLEM',
    title: 'Go in one stage',
    examples: ['go-service'],
    dockerfile: `FROM golang:1.21
WORKDIR /app
COPY . .
RUN go build -o myapp
CMD ["./myapp"]
`,
    has: ['app/main.go', 'app/myapp', 'usr/lib/go-1.21/bin/go'],
    service: { port: 8080, answers: '"version":"1.0.0"' },
  },
  {
    section: 'SECTION 6.2: MULTI-STAGE BUILD SOLUTION',
    title: 'Go on alpine',
    examples: ['go-cache-mounts'],
    isQuick: true,
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -o myapp

FROM alpine:3.18
COPY --from=builder /app/myapp /myapp
CMD ["/myapp"]
`,
    has: ['myapp'],
    lacks: ['app', ...GO_TOOLS],
    service: { port: 8080, answers: '{"rooms":{"blue":"Ada"}}' },
  },
  {
    section: 'NODE.JS MULTI-STAGE BUILD',
    title: 'Node in three stages',
    examples: ['node-api'],
    dockerfile: `FROM node:20-alpine AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:20-alpine AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci --only=production

FROM node:20-alpine
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY --from=builder /app/dist ./dist
COPY package*.json ./
USER node
CMD ["node", "dist/index.js"]
`,
    has: ['app/dist/index.js', 'app/node_modules/express/package.json', 'app/package-lock.json'],
    lacks: ['app/src', 'app/test', 'app/node_modules/nodemon'],
    service: { port: 3000, answers: 'water the plants' },
  },
  {
    section: 'JAVA MULTI-STAGE BUILD',
    title: 'Maven, then a JRE',
    examples: ['java-maven'],
    dockerfile: `FROM maven:3.9-eclipse-temurin-17 AS builder
WORKDIR /app
COPY pom.xml .
RUN mvn dependency:go-offline
COPY src ./src
RUN mvn package -DskipTests

FROM eclipse-temurin:17-jre-alpine
WORKDIR /app
COPY --from=builder /app/target/*.jar app.jar
USER 1000
EXPOSE 8080
CMD ["java", "-jar", "app.jar"]
`,
    has: ['app/app.jar'],
    lacks: ['app/pom.xml', 'app/src', 'root/.m2', 'usr/share/maven', 'usr/bin/javac'],
    service: { port: 8080, answers: '{"dice":[' },
  },
  {
    section: 'PYTHON MULTI-STAGE BUILD',
    title: 'wheels',
    examples: ['python-api'],
    dockerfile: `FROM python:3.11-slim AS builder
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \\
    build-essential gcc
COPY requirements.txt .
RUN pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt

FROM python:3.11-slim
WORKDIR /app
COPY --from=builder /wheels /wheels
RUN pip install --no-cache-dir /wheels/*
COPY . .
USER 1000
CMD ["python", "app.py"]
`,
    has: ['app/app.py', 'wheels/'],
    lacks: ['usr/bin/gcc', 'usr/bin/make'],
    service: { port: 5000, path: '/health', answers: 'good' },
  },
  {
    section: TECHNIQUES,
    title: 'scratch',
    examples: ['go-service'],
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /app
COPY . .
RUN CGO_ENABLED=0 GOOS=linux go build -a -installsuffix cgo \\
    -ldflags="-w -s" -o myapp

FROM scratch
COPY --from=builder /app/myapp /myapp
COPY --from=builder /etc/ssl/certs/ca-certificates.crt \\
    /etc/ssl/certs/
CMD ["/myapp"]
`,
    has: ['myapp', 'etc/ssl/certs/ca-certificates.crt'],
    lacks: ['app', 'bin', 'usr'],
    service: { port: 8080, answers: '"version":"1.0.0"' },
  },
  {
    section: TECHNIQUES,
    title: 'distroless',
    examples: ['go-service'],
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /app
COPY . .
RUN CGO_ENABLED=0 go build -o myapp
FROM gcr.io/distroless/static-debian12
COPY --from=builder /app/myapp /myapp
CMD ["/myapp"]
`,
    has: ['myapp'],
    lacks: ['bin/sh', 'usr/bin/env', 'app'],
    service: { port: 8080, answers: '"version":"1.0.0"' },
    notes: ['completed: the text says only "build" for the first stage'],
  },
  {
    section: TECHNIQUES,
    title: '--target dev',
    // "dev" copies no sources: they are in the command's package.json, or in a volume.
    files: { ...PLAIN_NODE, 'package.json': devInPackage() },
    flags: ['--target', 'dev'],
    dockerfile: TARGETS,
    lacks: ['app/src'],
    service: { port: 3000, answers: 'from package.json' },
    notes: ['the stage "dev" of the text copies no sources, so the program is in package.json'],
  },
  {
    section: TECHNIQUES,
    title: '--target test',
    examples: ['targets'],
    flags: ['--target', 'test'],
    dockerfile: TARGETS,
    has: ['app/node_modules/picocolors/package.json', 'app/test/'],
    program: { prints: '# pass 1' },
  },
  {
    section: TECHNIQUES,
    title: '--target prod',
    examples: ['targets'],
    flags: ['--target', 'prod'],
    dockerfile: TARGETS,
    without: ['app/node_modules/picocolors'],
    service: { port: 3000, path: '/a.svg', answers: 'image/svg+xml' },
  },
  {
    section: TIPS,
    title: 'packages in three layers (bad)',
    dockerfile: `FROM debian:bookworm-slim
RUN apt-get update
RUN apt-get install -y curl
RUN rm -rf /var/lib/apt/lists/*
`,
    has: ['usr/bin/curl'],
    program: { command: ['curl', '--version'], prints: 'curl 7' },
    notes: ['completed: a base image'],
  },
  {
    section: TIPS,
    title: 'packages in one layer (good)',
    dockerfile: `FROM debian:bookworm-slim
RUN apt-get update && \\
    apt-get install -y curl && \\
    rm -rf /var/lib/apt/lists/*
`,
    has: ['usr/bin/curl'],
    program: { command: ['curl', '--version'], prints: 'curl 7' },
    notes: ['completed: a base image'],
  },
  {
    section: TIPS,
    title: 'cleaning up in the same layer',
    examples: ['python-api'],
    dockerfile: `FROM python:3.11-slim
COPY requirements.txt .
RUN pip install -r requirements.txt && \\
    rm -rf ~/.cache/pip
`,
    without: ['root/.cache/pip'],
    program: { command: ['python', '-m', 'flask', '--version'], prints: 'Flask 3.0.3' },
    notes: ['completed: a base image and the list of packages'],
  },
  {
    section: TIPS,
    title: '.dockerignore, and layers by frequency of change',
    files: {
      ...PLAIN_NODE,
      '.dockerignore': 'node_modules\n.git\n*.md\nDockerfile\n.env\n',
      'node_modules/old/index.js': '',
      '.git/HEAD': 'ref',
      'notes.md': 'notes',
      '.env': 'SECRET=1',
      'src/kept.md': 'not at the top',
    },
    isQuick: true,
    dockerfile: `FROM node:20-alpine
WORKDIR /app
COPY package.json .
RUN npm install
COPY src ./src
COPY . .
CMD ["node", "src/server.js"]
`,
    has: ['app/src/kept.md'],
    lacks: ['app/node_modules/old', 'app/.git', 'app/notes.md', 'app/.env', 'app/Dockerfile'],
    service: { port: 3000, answers: 'plain answer' },
    notes: ['completed: a base image, and COPY . . to show what is ignored'],
  },
  {
    section: 'CHAPTER SUMMARY',
    title: 'COPY --from',
    files: { 'a.txt': 'text of a' },
    dockerfile: `FROM alpine:3.18 AS stagename
COPY a.txt /src/a.txt
FROM alpine:3.18
COPY --from=stagename /src /dest
`,
    replaced: [{ text: 'COPY --from=<stage> /src /dest', by: 'COPY --from=stagename /src /dest' }],
    has: ['dest/a.txt'],
    lacks: ['src'],
    program: { command: ['cat', '/dest/a.txt'], prints: 'text of a' },
    notes: ['completed: two stages; <stage> is a placeholder'],
  },
];

function devInPackage(): string {
  const server = `require('http').createServer((q, s) => s.end('from package.json')).listen(3000)`;
  return JSON.stringify({
    name: 'plain',
    version: '1.0.0',
    scripts: { dev: `node -e "${server}"` },
  });
}
