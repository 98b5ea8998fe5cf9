import { GO_TOOLS, PLAIN_GO, SMALL_NODE } from '../apps.ts';
import type { SeedCase } from '../seed-case.ts';
import { PRACTICE_CASES } from './tutorial-practices.ts';

const NODE_CHECKS = {
  examples: ['node-api'],
  service: { port: 3000, answers: 'water the plants' },
} as const;
const NAMED_STAGES = `FROM node:18 AS base
WORKDIR /app
COPY package*.json ./
RUN npm ci

FROM base AS development
RUN npm ci --include=dev
COPY . .
CMD ["npm", "run", "dev"]

FROM base AS builder
COPY . .
RUN npm run build
RUN npm run test

FROM node:18-alpine AS production
WORKDIR /app
COPY --from=base /app/node_modules ./node_modules
COPY --from=builder /app/dist ./dist
COPY package.json ./
USER node
CMD ["npm", "start"]
`;
const VERIFY = 'Verification and Comparison';

/** Dockerfiles of the tutorial. */
export const TUTORIAL_CASES: readonly SeedCase[] = [
  {
    ...NODE_CHECKS,
    section: 'The Problem: Large Images',
    title: 'Node in one stage',
    dockerfile: `FROM node:18
WORKDIR /app
COPY package*.json ./
RUN npm install  # Installs ALL dependencies including dev
COPY . .
RUN npm run build  # Build tools included in final image
CMD ["node", "dist/index.js"]
`,
    has: ['app/src/app.js', 'app/node_modules/nodemon/package.json'],
  },
  {
    ...NODE_CHECKS,
    section: 'The Problem: Large Images',
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
CMD ["node", "dist/index.js"]
`,
    has: ['app/dist/index.js'],
    lacks: ['app/src', 'app/package.json'],
    notes: ['the text calls it production files only, and copies the development dependencies'],
  },
  {
    ...NODE_CHECKS,
    section: 'Example 1: Node.js Application',
    title: 'production dependencies only',
    isQuick: true,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY src ./src
COPY scripts ./scripts
RUN npm run build

FROM node:18-alpine AS production
WORKDIR /app
COPY package*.json ./
RUN npm ci --only=production
COPY --from=builder /app/dist ./dist
RUN addgroup -g 1001 -S nodejs && \\
    adduser -S nodejs -u 1001
USER nodejs
EXPOSE 3000
CMD ["npm", "start"]
`,
    has: ['app/dist/index.js', 'home/nodejs/'],
    lacks: ['app/src', 'app/node_modules/nodemon'],
    notes: ['the build of the example is a script of its own: COPY scripts'],
  },
  {
    section: 'Example 2: Go Application (Maximum Optimization)',
    title: 'scratch',
    examples: ['go-service'],
    dockerfile: `FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY go.* ./
RUN go mod download || true
COPY *.go ./
RUN CGO_ENABLED=0 GOOS=linux go build -a -installsuffix cgo -o main .

FROM scratch
COPY --from=builder /app/main /main
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
EXPOSE 8080
CMD ["/main"]
`,
    has: ['main', 'etc/ssl/certs/ca-certificates.crt'],
    lacks: ['app', 'bin', 'usr'],
    service: { port: 8080, answers: '"version":"1.0.0"' },
  },
  {
    section: 'Example 3: Python Application',
    title: 'virtual environment',
    examples: ['python-api'],
    isQuick: true,
    dockerfile: `FROM python:3.9 AS builder
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

FROM python:3.9-slim
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY app.py .
RUN useradd -m appuser
USER appuser
EXPOSE 5000
CMD ["gunicorn", "--bind", "0.0.0.0:5000", "app:app"]
`,
    has: ['opt/venv/bin/gunicorn', 'app/app.py'],
    lacks: ['usr/bin/gcc', 'app/requirements.txt', 'app/tests'],
    service: { port: 5000, path: '/health', answers: 'good' },
  },
  {
    section: 'Example 4: React Application',
    title: 'nginx',
    examples: ['react-app'],
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY public ./public
COPY src ./src
COPY scripts ./scripts
RUN npm run build

FROM nginx:alpine
COPY --from=builder /app/build /usr/share/nginx/html
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`,
    has: ['usr/share/nginx/html/app.js'],
    lacks: ['app', 'usr/local/bin/node', 'usr/local/lib/node_modules'],
    service: { port: 80, answers: '<script src="app.js">' },
    notes: ['the build of the example is a script of its own: COPY scripts'],
  },
  {
    ...NODE_CHECKS,
    section: 'Example 5: Multiple Named Stages',
    title: '--target development',
    flags: ['--target', 'development'],
    dockerfile: NAMED_STAGES,
    has: ['app/src/app.js', 'app/node_modules/nodemon/package.json'],
    without: ['app/dist'],
  },
  {
    ...NODE_CHECKS,
    section: 'Example 5: Multiple Named Stages',
    title: '--target production',
    flags: ['--target', 'production'],
    dockerfile: NAMED_STAGES,
    has: ['app/dist/index.js'],
    lacks: ['app/src', 'app/test'],
  },
  {
    section: 'Pattern 1: Testing in Multi-Stage',
    title: 'tests before production',
    examples: ['python-api'],
    files: { 'requirements-test.txt': 'pytest==8.3.4\npytest-cov==5.0.0\n' },
    dockerfile: `FROM python:3.9 AS base
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt

FROM base AS testing
COPY requirements-test.txt .
RUN pip install -r requirements-test.txt
COPY . .
RUN pytest tests/ --cov

FROM python:3.9-slim AS production
COPY --from=base /usr/local/lib/python3.9/site-packages /usr/local/lib/python3.9/site-packages
COPY --from=testing /app /app
WORKDIR /app
CMD ["gunicorn", "app:app"]
`,
    has: ['app/app.py'],
    lacks: ['usr/local/bin/pytest', 'usr/local/lib/python3.11/dist-packages/pytest'],
    service: {
      port: 5000,
      path: '/health',
      answers: 'good',
      command: ['python', '-m', 'gunicorn', '--bind', '0.0.0.0:5000', 'app:app'],
    },
    notes: ['site-packages has no programs: the command "gunicorn" of the text is run as a module'],
  },
  {
    section: 'Pattern 2: External Image as Stage',
    title: 'certificates of another image',
    files: PLAIN_GO,
    isQuick: true,
    dockerfile: `FROM alpine:latest AS certificates
RUN apk --no-cache add ca-certificates

FROM golang:1.21 AS builder
WORKDIR /app
COPY . .
RUN go build -o app

FROM scratch
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=builder /app/app /app
CMD ["/app"]
`,
    has: ['app', 'etc/ssl/certs/ca-certificates.crt'],
    lacks: ['usr', 'bin', 'sbin'],
    program: { prints: 'plain answer' },
    notes: [
      'apk is a script that maps to what the stand-in has',
      'without CGO_ENABLED=0 only programs without net or os/user run on scratch',
    ],
  },
  {
    section: 'Pattern 3: Build Cache Optimization',
    title: 'a stage for modules',
    examples: ['go-cache-mounts'],
    dockerfile: `FROM golang:1.21 AS modules
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download

FROM golang:1.21 AS builder
WORKDIR /app
COPY --from=modules /go/pkg /go/pkg
ENV CGO_ENABLED=0
COPY . .
RUN go build -o app

FROM alpine:latest
COPY --from=builder /app/app /app
CMD ["/app"]
`,
    lacks: GO_TOOLS,
    service: { port: 8080, answers: '"blue":"Ada"' },
    notes: ['completed: CGO_ENABLED=0, as programs for glibc do not run on alpine'],
  },
  {
    section: 'Real-World Example: Full-Stack Application',
    title: 'React and Node',
    examples: ['full-stack'],
    dockerfile: `FROM node:18 AS frontend-builder
WORKDIR /frontend
COPY frontend/package*.json ./
RUN npm ci
COPY frontend/ ./
RUN npm run build

FROM node:18 AS backend-builder
WORKDIR /backend
COPY backend/package*.json ./
RUN npm ci --only=production
COPY backend/ ./

FROM node:18-alpine
WORKDIR /app
COPY --from=backend-builder /backend ./
COPY --from=frontend-builder /frontend/build ./public
RUN addgroup -g 1001 -S nodejs && \\
    adduser -S nodejs -u 1001 && \\
    chown -R nodejs:nodejs /app
USER nodejs
EXPOSE 3000
CMD ["node", "server.js"]
`,
    has: ['app/public/app.js', 'app/server.js'],
    lacks: ['frontend', 'app/src', 'app/node_modules/react'],
    service: { port: 3000, path: '/api/votes', answers: '{"votes":0}' },
  },
  {
    section: VERIFY,
    title: 'Dockerfile.single',
    examples: ['targets'],
    files: SMALL_NODE,
    dockerfile: `FROM node:18
WORKDIR /app
COPY package*.json ./
RUN npm install
COPY . .
CMD ["node", "index.js"]
`,
    has: ['app/index.js', 'app/node_modules/picocolors/package.json'],
    service: { port: 3000, path: '/a.png', answers: 'type image/png' },
  },
  {
    section: VERIFY,
    title: 'Dockerfile.multi',
    examples: ['targets'],
    files: SMALL_NODE,
    dockerfile: `FROM node:18 AS builder
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .

FROM node:18-alpine
WORKDIR /app
COPY --from=builder /app/node_modules ./node_modules
COPY --from=builder /app/*.js ./
CMD ["node", "index.js"]
`,
    has: ['app/index.js'],
    lacks: ['app/src', 'app/package.json'],
    service: { port: 3000, path: '/a.png', answers: 'type image/png' },
  },
  ...PRACTICE_CASES,
];
