import { COMPILED_PACKAGES, GO_TOOLS, PLAIN_GO, PLAIN_NODE } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';
import { LANGUAGE_CASES } from './guide-languages.ts';

const NODE_CHECKS = {
  examples: ['node-api'],
  service: { port: 3000, answers: 'water the plants' },
} as const;
const COMPLETED = ['completed: the text shows a part only'];
const PLAIN_CHECKS = {
  files: PLAIN_NODE,
  service: { port: 3000, answers: 'plain answer' },
} as const;
const TEST_STAGE = `FROM python:3.12-slim AS deps
WORKDIR /app
COPY requirements.txt requirements-dev.txt ./
RUN pip install --user -r requirements.txt

FROM deps AS test
RUN pip install --user -r requirements-dev.txt
COPY . .
RUN pytest tests/

FROM python:3.12-slim AS production
WORKDIR /app
COPY --from=deps /root/.local /root/.local
COPY . .
ENV PATH=/root/.local/bin:$PATH
CMD ["python", "app.py"]
`;
const DEVELOPMENT = `FROM node:20-alpine AS base
WORKDIR /app
COPY package*.json ./
RUN npm ci

FROM base AS development
ENV NODE_ENV=development
COPY . .
CMD ["npm", "run", "dev"]

FROM base AS builder
COPY . .
RUN npm run build

FROM node:20-alpine AS production
ENV NODE_ENV=production
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/node_modules ./node_modules
CMD ["node", "dist/server.js"]
`;
const CONDITIONAL = `# syntax=docker/dockerfile:1
ARG BUILD_ENV=production

FROM node:20 AS development
ENV NODE_ENV=development
CMD ["npm", "run", "dev"]

FROM node:20-alpine AS production
ENV NODE_ENV=production
CMD ["node", "dist/server.js"]

FROM \${BUILD_ENV} AS final
`;

/** Dockerfiles of the guide. */
export const GUIDE_CASES: readonly SeedCase[] = [
  {
    section: 'Basic Syntax',
    title: 'Go on alpine',
    examples: ['go-service'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o myapp

FROM alpine:3.21
COPY --from=builder /app/myapp /usr/local/bin/
CMD ["myapp"]
`,
    has: ['usr/local/bin/myapp'],
    lacks: ['app', ...GO_TOOLS],
    service: { port: 8080, answers: '"version":"1.0.0"' },
  },
  {
    section: 'Explicit Names (Recommended)',
    title: 'stages by name',
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:20 AS dependencies
WORKDIR /app
COPY package*.json ./
RUN npm install
RUN mkdir -p node_modules

FROM node:20 AS builder
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY . .
RUN npm run build

FROM node:20-alpine AS production
COPY --from=builder /app/dist ./dist
CMD ["node", "dist/server.js"]
`,
    lacks: ['app'],
    notes: COMPLETED,
  },
  {
    section: 'Numeric References (Less Clear)',
    title: 'stages by number',
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:20
WORKDIR /app
COPY package*.json ./
RUN npm install
RUN mkdir -p node_modules

FROM node:20
WORKDIR /app
COPY --from=0 /app/node_modules ./node_modules
COPY . .
RUN npm run build

FROM node:20-alpine
COPY --from=1 /app/dist ./dist
CMD ["node", "dist/server.js"]
`,
    lacks: ['app'],
    notes: COMPLETED,
  },
  {
    section: 'Pattern 1: Build and Runtime Separation',
    title: 'Go on scratch',
    examples: ['go-cache-mounts'],
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=linux go build -a -ldflags="-s -w" -o main .

FROM scratch
COPY --from=builder /app/main /main
ENTRYPOINT ["/main"]
`,
    has: ['main'],
    lacks: ['app', 'usr', 'bin'],
    service: { port: 8080, answers: '"blue":"Ada"' },
  },
  {
    ...NODE_CHECKS,
    section: 'Pattern 2: Dependency Installation',
    title: 'production dependencies of a stage of their own',
    dockerfile: `FROM node:20-alpine AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci --only=production

FROM node:20-alpine AS builder
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY . .
RUN npm run build

FROM node:20-alpine AS runner
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=deps /app/node_modules ./node_modules
CMD ["node", "dist/index.js"]
`,
    has: ['app/node_modules/express/package.json'],
    lacks: ['app/src'],
    without: ['app/node_modules/nodemon'],
  },
  {
    section: 'Pattern 3: Test Stage',
    title: '--target test, as written',
    examples: ['python-api'],
    flags: ['--target', 'test'],
    dockerfile: TEST_STAGE,
    fails: 'pytest: not found',
    notes: ['pip install --user puts pytest into /root/.local/bin, which PATH does not have there'],
  },
  {
    section: 'Pattern 3: Test Stage',
    title: '--target test',
    examples: ['python-api'],
    flags: ['--target', 'test'],
    dockerfile: TEST_STAGE.replace('RUN pytest', 'RUN python -m pytest'),
    has: ['root/.local/bin/pytest', 'app/tests/test_app.py'],
    replaced: [{ text: 'RUN pytest tests/', by: 'RUN python -m pytest tests/' }],
    program: { command: ['python', '-m', 'pytest', '-q'], prints: '2 passed' },
    notes: ['pytest as a module, as it is not in PATH'],
  },
  {
    section: 'Pattern 3: Test Stage',
    title: 'production',
    examples: ['python-api'],
    dockerfile: TEST_STAGE,
    has: ['root/.local/bin/flask'],
    without: ['root/.local/bin/pytest'],
    service: { port: 5000, path: '/health', answers: 'good' },
    notes: ['no tests run, whatever the text says: production needs no file of "test"'],
  },
  {
    section: 'Pattern 4: Multi-Architecture',
    title: 'compiled for the target',
    examples: ['multi-architecture'],
    isQuick: true,
    dockerfile: `FROM --platform=$BUILDPLATFORM golang:1.21-alpine AS builder
ARG TARGETARCH
ARG TARGETOS
WORKDIR /app
COPY . .
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o app

FROM alpine:3.21
COPY --from=builder /app/app /app
ENTRYPOINT ["/app"]
`,
    lacks: GO_TOOLS,
    program: { prints: 'linux/amd64' },
  },
  {
    ...NODE_CHECKS,
    section: 'Pattern 5: Development vs Production',
    title: '--target development',
    flags: ['--target', 'development'],
    dockerfile: DEVELOPMENT,
    has: ['app/src/app.js', 'app/node_modules/nodemon/package.json'],
    without: ['app/dist'],
    service: { port: 3000, answers: '"environment":"development"' },
  },
  {
    ...NODE_CHECKS,
    section: 'Pattern 5: Development vs Production',
    title: '--target production',
    flags: ['--target', 'production'],
    dockerfile: DEVELOPMENT,
    lacks: ['app/src'],
    service: { port: 3000, answers: '"environment":"production"' },
    notes: ['node_modules of the builder: with the development dependencies'],
  },
  ...LANGUAGE_CASES,
  {
    section: 'Copying from External Images',
    title: 'two other images',
    isQuick: true,
    dockerfile: `FROM alpine:3.21 AS production
COPY --from=nginx:alpine /usr/share/nginx/html /usr/share/nginx/html
COPY --from=myregistry/common:latest /app/lib /app/lib
`,
    has: ['usr/share/nginx/html/index.html', 'app/lib/common.txt'],
    lacks: ['usr/sbin/nginx', 'etc/nginx'],
    program: { command: ['cat', '/app/lib/common.txt'], prints: 'library' },
    notes: ['myregistry/common is an invention of the text: a stand-in has that name'],
  },
  ...(['development', 'production'] as const).map((name): SeedCase => ({
    section: 'Conditional Stages (BuildKit)',
    title: `BUILD_ENV=${name}`,
    flags: ['--build-arg', `BUILD_ENV=${name}`],
    isQuick: true,
    dockerfile: CONDITIONAL,
    has: ['usr/local/bin/node'],
    program: { command: ['node', '-p', 'process.env.NODE_ENV'], prints: name },
    notes: ['the stages of the text have no program: Node tells which it is'],
  })),
  {
    section: 'Parallel Stages',
    title: 'two downloads',
    isQuick: true,
    flags: ['--network=host'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM alpine AS fetch-config
RUN wget FILES/config.json -O /config.json

FROM alpine AS fetch-data
RUN wget FILES/data.csv -O /data.csv

FROM alpine AS final
COPY --from=fetch-config /config.json /app/
COPY --from=fetch-data /data.csv /app/
`,
    replaced: ['config.json', 'data.csv'].map((name) => ({
      text: `RUN wget https://example.com/${name} -O /${name}`,
      by: `RUN wget FILES/${name} -O /${name}`,
    })),
    has: ['app/config.json', 'app/data.csv'],
    lacks: ['config.json', 'data.csv'],
    program: { command: ['cat', '/app/config.json', '/app/data.csv'], prints: 'a,b' },
    notes: [
      'example.com has no such files: a server of the test answers, and only to both at once',
    ],
  },
  {
    section: 'Cache Mounts with Multi-Stage',
    title: 'modules and compiled packages',
    examples: ['go-cache-mounts'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \\
    go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \\
    --mount=type=cache,target=/root/.cache/go-build \\
    go build -o app

FROM alpine:3.21
COPY --from=builder /app/app /app
CMD ["/app"]
`,
    lacks: GO_TOOLS.filter((path) => path !== COMPILED_PACKAGES),
    // A mounted cache is in no stage that could leave it behind.
    without: [COMPILED_PACKAGES, 'go/pkg/mod'],
    service: { port: 8080, answers: '"blue":"Ada"' },
  },
  {
    section: '1. Order Stages Logically',
    title: 'four stages',
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:20 AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci
FROM deps AS builder
COPY . .
RUN npm run build
FROM builder AS test
RUN npm test
FROM node:20-alpine AS production
COPY --from=test /app/dist ./dist
CMD ["node", "dist/server.js"]
`,
    lacks: ['app'],
    notes: COMPLETED,
  },
  ...(['compiler/runtime (good)', 'stage1/stage2 (bad)'] as const).map((title): SeedCase => {
    const [build = '', run = ''] = title.split(' ')[0]?.split('/') ?? [];
    return {
      section: '2. Name Stages Clearly',
      title,
      files: PLAIN_GO,
      dockerfile: `FROM golang:1.21 AS ${build}
WORKDIR /app
COPY . .
RUN go build -o binary
FROM alpine:3.21 AS ${run}
COPY --from=${build} /app/binary /
CMD ["/binary"]
`,
      has: ['binary'],
      lacks: ['app/main.go', ...GO_TOOLS],
      program: { prints: 'plain answer' },
      notes: COMPLETED,
    };
  }),
  {
    section: '3. Minimize Final Stage',
    title: 'one file',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o binary
FROM alpine:3.21
COPY --from=builder /app/binary /app/binary
`,
    lacks: ['app/main.go'],
    program: { command: ['/app/binary'], prints: 'plain answer' },
    notes: COMPLETED,
  },
  {
    section: '4. Use Specific Base Images per Stage',
    title: 'JDK, then JRE',
    files: {
      'Hello.java': `class Hello { public static void main(String[] a) { System.out.println("plain answer"); } }`,
    },
    dockerfile: `FROM eclipse-temurin:21-jdk-jammy AS builder
WORKDIR /app
COPY . .
RUN javac Hello.java
FROM eclipse-temurin:21-jre-jammy AS runner
WORKDIR /app
COPY --from=builder /app/Hello.class ./
CMD ["java", "Hello"]
`,
    lacks: ['usr/lib/jvm/java-17-openjdk-amd64/bin/javac', 'app/Hello.java'],
    program: { prints: 'plain answer' },
    notes: [...COMPLETED, 'the stand-in has Java 17: Debian 12 has no 21'],
  },
  {
    section: '5. Document Stages',
    title: 'three stages with comments',
    ...PLAIN_CHECKS,
    dockerfile: `# syntax=docker/dockerfile:1
# Packages.
FROM node:20-alpine AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci

# The build.
FROM deps AS builder
COPY . .
RUN npm run build

# What runs.
FROM node:20-alpine AS production
ENV NODE_ENV=production
WORKDIR /app
COPY --from=builder /app/dist ./dist
CMD ["node", "dist/server.js"]
`,
    has: ['app/dist/server.js'],
    lacks: ['app/src', 'app/package.json'],
  },
  ...[
    { title: 'by number', as: '', from: '0' },
    { title: 'by name', as: ' AS deps', from: 'deps' },
  ].map(({ title, as, from }): SeedCase => ({
    section: '1. Not Using Stage Names',
    title,
    examples: ['targets'],
    dockerfile: `FROM node:20${as}
WORKDIR /app
COPY package*.json ./
RUN npm ci
FROM node:20-alpine
WORKDIR /app
COPY --from=${from} /app/node_modules ./node_modules
`,
    has: ['app/node_modules/mime-types/package.json'],
    lacks: ['app/package.json'],
    program: {
      command: ['node', '-p', 'require("mime-types").lookup("a.svg")'],
      prints: 'image/svg+xml',
    },
    notes: COMPLETED,
  })),
  ...[
    { title: 'everything (bad)', path: '/app /app', lacks: [], has: ['app/src/server.js'] },
    { title: 'artifacts (good)', path: '/app/dist /app/dist', lacks: ['app/src'], has: [] },
  ].map(({ title, path, lacks, has }): SeedCase => ({
    section: '2. Copying Entire Stage',
    title,
    ...PLAIN_CHECKS,
    dockerfile: `FROM node:20 AS builder
WORKDIR /app
COPY . .
RUN npm run build
FROM node:20-alpine
COPY --from=builder ${path}
CMD ["node", "/app/dist/server.js"]
`,
    has: ['app/dist/server.js', ...has],
    lacks,
    notes: COMPLETED,
  })),
  ...[
    { title: 'everything first (bad)', first: '' },
    { title: 'packages first (good)', first: 'COPY package*.json ./\nRUN npm install\nCOPY . .\n' },
  ].map(({ title, first }): SeedCase => ({
    section: '3. Not Leveraging Cache',
    title,
    examples: ['targets'],
    dockerfile: `FROM node:20
WORKDIR /app
${first === '' ? 'COPY . .\nRUN npm install\n' : first}CMD ["npm", "start"]
`,
    has: ['app/src/server.js', 'app/node_modules/picocolors/package.json'],
    service: { port: 3000, path: '/a.svg', answers: 'image/svg+xml' },
    notes: COMPLETED,
  })),
];
