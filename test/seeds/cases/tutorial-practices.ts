import { GO_TOOLS, PLAIN_GO, PLAIN_NODE } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';

const NODE_CHECKS = {
  examples: ['node-api'],
  service: { port: 3000, answers: 'water the plants' },
} as const;
const COMPLETED = ['completed: the text shows a part only'];

/** Dockerfiles of the tutorial's parts on good practice and on mistakes. */
export const PRACTICE_CASES: readonly SeedCase[] = [
  {
    section: '1. Name Your Stages',
    title: 'as written',
    dockerfile: `FROM node:18 AS dependencies  # Clear purpose
FROM node:18 AS builder       # Clear purpose
FROM node:18-alpine AS production  # Clear purpose
`,
    fails: 'FROM requires either one or three arguments',
    notes: ['FROM takes no comment on its line; BuildKit refuses it as well'],
  },
  ...['dependencies', 'builder', 'production'].map((target): SeedCase => ({
    section: '1. Name Your Stages',
    title: `--target ${target}, with the comments in lines of their own`,
    flags: ['--target', target],
    replaced: [
      {
        text: 'FROM node:18 AS dependencies # Clear purpose',
        by: 'FROM node:18 AS dependencies',
      },
      { text: 'FROM node:18 AS builder # Clear purpose', by: 'FROM node:18 AS builder' },
      {
        text: 'FROM node:18-alpine AS production # Clear purpose',
        by: 'FROM node:18-alpine AS production',
      },
    ],
    dockerfile: `FROM node:18 AS dependencies
FROM node:18 AS builder
FROM node:18-alpine AS production
`,
    ...(target === 'production' ? { without: ['usr/bin/apt-get'] } : { has: ['usr/bin/apt-get'] }),
    program: { command: ['node', '--version'], prints: 'v18' },
  })),
  {
    section: '2. Use Specific Base Images',
    title: 'specific (good)',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o binary
FROM alpine:3.18 AS final
COPY --from=builder /app/binary /
CMD ["/binary"]
`,
    has: ['binary'],
    lacks: ['app', ...GO_TOOLS],
    program: { prints: 'plain answer' },
    notes: COMPLETED,
  },
  {
    section: '2. Use Specific Base Images',
    title: 'unversioned (bad)',
    files: PLAIN_GO,
    dockerfile: `FROM golang AS builder
WORKDIR /app
COPY . .
RUN go build -o binary
FROM alpine AS final
COPY --from=builder /app/binary /
CMD ["/binary"]
`,
    has: ['binary'],
    lacks: ['app', ...GO_TOOLS],
    program: { prints: 'plain answer' },
    notes: COMPLETED,
  },
  {
    section: '3. Minimize Final Stage',
    title: 'one file',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o binary
FROM alpine:3.18
COPY --from=builder /app/binary /app/binary
`,
    has: ['app/binary'],
    lacks: ['app/main.go', 'app/go.mod'],
    program: { command: ['/app/binary'], prints: 'plain answer' },
    notes: COMPLETED,
  },
  {
    ...NODE_CHECKS,
    section: '5. Layer Caching',
    title: 'dependencies first',
    files: {
      '.dockerignore': 'node_modules\n.git\n*.md\ntests/\ndocs/\n',
      'docs/a.txt': '',
      'tests/a.js': '',
    },
    dockerfile: `FROM node:18
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
CMD ["node", "src/server.js"]
`,
    lacks: ['app/docs', 'app/tests'],
    notes: [...COMPLETED, 'with the .dockerignore of the text'],
  },
  {
    section: 'Compiled Languages (Go, Rust, C++)',
    title: 'FROM scratch',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o /binary
FROM scratch
COPY --from=builder /binary /binary
CMD ["/binary"]
`,
    replaced: [
      { text: 'FROM builder-image AS builder', by: 'FROM golang:1.21-alpine AS builder' },
      { text: 'FROM scratch or alpine', by: 'FROM scratch' },
      { text: 'COPY --from=builder /binary', by: 'COPY --from=builder /binary /binary' },
    ],
    has: ['binary'],
    lacks: ['app', 'bin', 'usr'],
    program: { prints: 'plain answer' },
    notes: ['names of images and the destination are left out in the text'],
  },
  {
    section: 'Compiled Languages (Go, Rust, C++)',
    title: 'as written: COPY without a destination',
    dockerfile:
      'FROM alpine AS builder\nRUN touch /binary\nFROM scratch\nCOPY --from=builder /binary\n',
    fails: 'COPY requires at least two arguments',
  },
  {
    section: 'Interpreted Languages (Node, Python)',
    title: 'dependencies and code',
    files: { 'code/main.py': 'import sys; sys.path.insert(0, "/dependencies")\nimport greet\n' },
    dockerfile: `FROM python:3.12 AS builder
RUN mkdir /dependencies && echo "print('plain answer')" > /dependencies/greet.py
FROM python:3.12-slim
COPY --from=builder /dependencies /dependencies
COPY code code
CMD ["python", "code/main.py"]
`,
    replaced: [
      { text: 'FROM full-image AS builder', by: 'FROM python:3.12 AS builder' },
      { text: 'FROM slim-image', by: 'FROM python:3.12-slim' },
      {
        text: 'COPY --from=builder /dependencies',
        by: 'COPY --from=builder /dependencies /dependencies',
      },
      { text: 'COPY code', by: 'COPY code code' },
    ],
    has: ['dependencies/greet.py', 'code/main.py'],
    lacks: ['usr/bin/gcc'],
    program: { prints: 'plain answer' },
    notes: ['names of images and destinations are left out in the text'],
  },
  {
    section: 'Frontend Applications',
    title: 'static files behind nginx',
    dockerfile: `FROM node AS builder
RUN mkdir /build && echo 'plain page' > /build/index.html
FROM nginx:alpine
COPY --from=builder /build /usr/share/nginx/html
`,
    lacks: ['usr/local/bin/node', 'build'],
    service: { port: 80, answers: 'plain page' },
    notes: COMPLETED,
  },
  {
    section: 'Issue: COPY --from failed',
    title: 'the path is missing',
    files: PLAIN_NODE,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
FROM node:18-alpine
COPY --from=builder /app/dist ./dist
`,
    fails: 'Cannot copy "/app/dist": it is not in stage "builder"',
    notes: ['the mistake that the text is about'],
  },
  {
    section: 'Issue: COPY --from failed',
    title: 'the path is there',
    files: PLAIN_NODE,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY . .
RUN npm run build  # Ensure this creates /app/dist
FROM node:18-alpine
COPY --from=builder /app/dist ./dist
CMD ["node", "dist/server.js"]
`,
    has: ['dist/server.js'],
    lacks: ['app'],
    service: { port: 3000, answers: 'plain answer' },
    notes: COMPLETED,
  },
  {
    ...NODE_CHECKS,
    section: 'Issue: Missing Dependencies in Final Stage',
    title: 'node_modules from the builder',
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY . .
RUN npm ci && npm run build
FROM node:18-alpine
WORKDIR /app
COPY --from=builder /app/dist ./dist
COPY --from=builder /app/node_modules ./node_modules
CMD ["node", "dist/index.js"]
`,
    has: ['app/node_modules/express/package.json'],
    lacks: ['app/src', 'app/package.json'],
    notes: COMPLETED,
  },
  {
    section: "Issue: Binary Won't Run (Go)",
    title: 'the right architecture',
    files: PLAIN_GO,
    dockerfile: `FROM golang:1.21 AS builder
WORKDIR /app
COPY . .
RUN CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build
FROM scratch
COPY --from=builder /app/plain /plain
CMD ["/plain"]
`,
    has: ['plain'],
    lacks: ['app', 'bin', 'usr'],
    program: { prints: 'plain answer' },
    notes: COMPLETED,
  },
];
