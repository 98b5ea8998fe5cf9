import { PLAIN_GO, PLAIN_NODE } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';

const NODE_CHECKS = {
  examples: ['node-api'],
  service: { port: 3000, answers: 'water the plants' },
} as const;
const COMPLETED = ['completed: the text shows a part only'];
const PLAIN_CHECKS = {
  files: PLAIN_NODE,
  service: { port: 3000, answers: 'plain answer' },
} as const;
const DEVELOPMENT = `FROM node:18-alpine AS base
WORKDIR /app
COPY package*.json ./

FROM base AS development
RUN npm install
COPY . .
CMD ["npm", "run", "dev"]

FROM base AS builder
RUN npm ci
COPY . .
RUN npm run build

FROM node:18-alpine AS production
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/node_modules ./node_modules
CMD ["node", "dist/server.js"]
`;
const TESTING = `FROM node:18-alpine AS base
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .

FROM base AS test
RUN npm run test

FROM base AS builder
RUN npm run build

FROM node:18-alpine AS production
COPY --from=builder /app/dist ./dist
CMD ["node", "dist/server.js"]
`;

/** Dockerfiles of the article. */
export const ARTICLE_CASES: readonly SeedCase[] = [
  {
    section: 'The Problem with Single-Stage Builds',
    title: 'Node in one stage (bad)',
    examples: ['node-api'],
    dockerfile: `FROM node:18

WORKDIR /app
COPY package*.json ./
RUN npm install
COPY . .
RUN npm run build
`,
    has: ['app/src/app.js', 'app/node_modules/nodemon/package.json'],
    service: { port: 3000, answers: 'water the plants', command: ['npm', 'start'] },
    notes: ['no command in the text: run with npm start'],
  },
  {
    ...NODE_CHECKS,
    section: 'Multi-Stage Build Basics',
    title: 'Node in two stages',
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY package*.json ./
RUN npm install
COPY . .
RUN npm run build

FROM node:18-alpine
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/node_modules ./node_modules
CMD ["node", "dist/server.js"]
`,
    lacks: ['app/src'],
  },
  {
    section: 'Named Stages',
    title: 'static files behind nginx',
    files: PLAIN_NODE,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY . .
RUN npm run build

FROM nginx:alpine AS production
COPY --from=builder /app/dist /usr/share/nginx/html
`,
    lacks: ['app', 'usr/local/bin/node'],
    service: { port: 80, path: '/server.js', answers: 'createServer' },
    notes: COMPLETED,
  },
  {
    section: 'Copying from Stages',
    title: 'by name, by number, from an image',
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY . .
RUN npm run build
FROM node:18-alpine
WORKDIR /by-name
COPY --from=builder /app/dist ./dist
WORKDIR /by-number
COPY --from=0 /app/dist ./dist
COPY --from=nginx:alpine /etc/nginx/nginx.conf /etc/nginx/
CMD ["node", "dist/server.js"]
`,
    has: ['by-name/dist/server.js', 'by-number/dist/server.js', 'etc/nginx/nginx.conf'],
    lacks: ['app', 'usr/sbin/nginx', 'etc/nginx/conf.d'],
    notes: COMPLETED,
  },
  {
    ...NODE_CHECKS,
    section: 'Node.js Application',
    title: 'three stages',
    dockerfile: `FROM node:18-alpine AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci --only=production

FROM node:18-alpine AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:18-alpine AS production
WORKDIR /app
RUN addgroup -S nodejs && adduser -S nodejs -G nodejs
COPY --from=deps /app/node_modules ./node_modules
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/package.json ./
USER nodejs
EXPOSE 3000
CMD ["node", "dist/server.js"]
`,
    has: ['app/package.json', 'home/nodejs/'],
    lacks: ['app/src', 'app/node_modules/nodemon', 'app/package-lock.json'],
  },
  {
    section: 'Go Application',
    title: 'scratch',
    examples: ['go-cache-mounts'],
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=linux go build -a -installsuffix cgo -o main .

FROM scratch
COPY --from=builder /app/main /main
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENTRYPOINT ["/main"]
`,
    lacks: ['app', 'usr', 'bin'],
    service: { port: 8080, answers: '"blue":"Ada"' },
  },
  {
    section: 'Python Application',
    title: 'wheels and runtime libraries',
    examples: ['python-api'],
    dockerfile: `FROM python:3.11-slim AS builder
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \\
    gcc \\
    libpq-dev \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt

FROM python:3.11-slim AS production
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \\
    libpq5 \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /wheels /wheels
RUN pip install --no-cache-dir /wheels/*
COPY . .
RUN useradd --create-home appuser
USER appuser
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
`,
    has: ['usr/lib/x86_64-linux-gnu/libpq.so.5', 'wheels/'],
    lacks: ['usr/bin/gcc', 'usr/include/postgresql'],
    without: ['var/lib/apt/lists/partial'],
    service: { port: 8000, path: '/health', answers: 'good' },
  },
  {
    section: 'React/Frontend Application',
    title: 'nginx with a configuration',
    examples: ['react-app'],
    isQuick: true,
    dockerfile: `FROM node:18-alpine AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM nginx:alpine AS production
COPY --from=builder /app/build /usr/share/nginx/html
COPY nginx.conf /etc/nginx/conf.d/default.conf
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`,
    has: ['usr/share/nginx/html/app.js'],
    lacks: ['app', 'usr/local/bin/node'],
    service: { port: 80, path: '/any/page', answers: '<script src="app.js">' },
  },
  {
    section: 'Java/Spring Boot Application',
    title: 'Maven, then a JRE',
    examples: ['java-maven'],
    dockerfile: `FROM maven:3.9-eclipse-temurin-17 AS builder
WORKDIR /app
COPY pom.xml .
RUN mvn dependency:go-offline
COPY src ./src
RUN mvn package -DskipTests

FROM eclipse-temurin:17-jre-alpine AS production
WORKDIR /app
COPY --from=builder /app/target/*.jar app.jar
RUN addgroup -S spring && adduser -S spring -G spring
USER spring
EXPOSE 8080
ENTRYPOINT ["java", "-jar", "app.jar"]
`,
    has: ['app/app.jar'],
    lacks: ['app/src', 'root/.m2', 'usr/share/maven'],
    service: { port: 8080, answers: '{"dice":[' },
  },
  {
    ...NODE_CHECKS,
    section: 'Development vs Production',
    title: '--target development',
    flags: ['--target', 'development'],
    dockerfile: DEVELOPMENT,
    has: ['app/src/app.js', 'app/node_modules/nodemon/package.json'],
    without: ['app/dist'],
  },
  {
    ...NODE_CHECKS,
    section: 'Development vs Production',
    title: '--target production',
    flags: ['--target', 'production'],
    dockerfile: DEVELOPMENT,
    lacks: ['app/src'],
  },
  {
    section: 'Testing Stage',
    title: '--target test',
    files: PLAIN_NODE,
    flags: ['--target', 'test'],
    dockerfile: TESTING,
    has: ['app/src/sum.test.js'],
    without: ['app/dist'],
    program: { command: ['npm', 'test'], prints: '# pass 1' },
  },
  {
    section: 'Testing Stage',
    title: 'a test that fails',
    files: {
      ...PLAIN_NODE,
      'src/sum.test.js': `require('node:test').test('fails', () => { throw new Error('by intent'); });\n`,
    },
    flags: ['--target', 'test'],
    dockerfile: TESTING,
    fails: 'by intent',
    notes: ['what the stage is for'],
  },
  {
    section: 'Testing Stage',
    title: 'production',
    ...PLAIN_CHECKS,
    dockerfile: TESTING,
    has: ['dist/server.js'],
    lacks: ['app'],
    notes: ['no node_modules in the last stage of the text: a program without dependencies'],
  },
  {
    section: 'Parallel Builds',
    title: 'front end and back end',
    examples: ['front-and-back'],
    dockerfile: `FROM node:18-alpine AS frontend-builder
WORKDIR /frontend
COPY frontend/package*.json ./
RUN npm ci
COPY frontend/ .
RUN npm run build

FROM golang:1.21-alpine AS backend-builder
WORKDIR /backend
COPY backend/go.* ./
RUN go mod download
COPY backend/ .
RUN go build -o server .

FROM alpine:3.19 AS production
COPY --from=frontend-builder /frontend/dist /app/public
COPY --from=backend-builder /backend/server /app/server
CMD ["/app/server"]
`,
    has: ['app/public/clock.js', 'app/server'],
    lacks: ['frontend', 'backend', 'usr/local/bin/node', 'usr/lib/go-1.21'],
    service: { port: 8080, path: '/time', answers: '{"time":"20' },
  },
  {
    section: '1. Order Stages by Frequency of Change',
    title: 'packages, then sources',
    examples: ['node-api'],
    dockerfile: `FROM node:18-alpine AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci

FROM deps AS builder
COPY . .
RUN npm run build
`,
    has: ['app/dist/index.js', 'app/src/app.js', 'app/node_modules/express/package.json'],
    service: { port: 3000, answers: 'water the plants', command: ['npm', 'start'] },
    notes: COMPLETED,
  },
  {
    section: '2. Use Alpine or Distroless Base Images',
    title: 'as written',
    dockerfile: 'FROM node:18  # 1GB\n',
    fails: 'FROM requires either one or three arguments',
    notes: ['FROM takes no comment on its line; BuildKit refuses it as well'],
  },
  ...['node:18', 'node:18-alpine'].map((base): SeedCase => ({
    section: '2. Use Alpine or Distroless Base Images',
    title: base,
    ...PLAIN_CHECKS,
    dockerfile: `FROM ${base}\nCOPY . .\nCMD ["node", "src/server.js"]\n`,
    has: ['src/server.js'],
    replaced: [
      { text: 'FROM node:18 # 1GB', by: 'FROM node:18' },
      { text: 'FROM node:18-alpine # 150MB', by: 'FROM node:18-alpine' },
    ],
    notes: ['completed; the comments after FROM left out'],
  })),
  {
    section: '2. Use Alpine or Distroless Base Images',
    title: 'distroless',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o app
FROM gcr.io/distroless/static
COPY --from=builder /app/app /app
CMD ["/app"]
`,
    replaced: [
      { text: 'FROM gcr.io/distroless/static # 2MB', by: 'FROM gcr.io/distroless/static' },
    ],
    lacks: ['bin/sh'],
    program: { prints: 'plain answer' },
    notes: ['completed; the comment after FROM left out'],
  },
  {
    section: "3. Don't Copy Unnecessary Files",
    title: 'two paths of a stage',
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY . .
RUN npm run build
FROM node:18-alpine
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/package.json ./
CMD ["npm", "start"]
`,
    has: ['app/dist/server.js'],
    lacks: ['app/src', 'app/package-lock.json'],
    notes: COMPLETED,
  },
  {
    section: '5. Leverage Build Cache',
    title: 'packages first',
    ...PLAIN_CHECKS,
    files: {
      ...PLAIN_NODE,
      '.dockerignore':
        'node_modules\nnpm-debug.log\n.git\n.gitignore\nREADME.md\n.env\ncoverage/\n.nyc_output/\n',
      'coverage/index.html': '',
      '.env': 'SECRET=1',
      'README.md': '',
    },
    dockerfile: `FROM node:18-alpine
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
RUN npm run build
CMD ["npm", "start"]
`,
    lacks: ['app/coverage', 'app/.env', 'app/README.md'],
    notes: [...COMPLETED, 'with the .dockerignore of the text'],
  },
];
