import type { SeedCase } from '../seed-case.ts';

const PYTHON = `# syntax=docker/dockerfile:1
FROM python:3.12-slim AS builder
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \\
    gcc \\
    postgresql-dev \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /app/wheels -r requirements.txt

FROM python:3.12-slim AS runner
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \\
    postgresql-client \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /app/wheels /wheels
RUN pip install --no-cache /wheels/*
COPY . .
RUN useradd -m -u 1001 appuser
USER appuser
EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
`;
const PACKAGES =
  'RUN apt-get update && apt-get install -y --no-install-recommends gcc postgresql-dev && rm -rf /var/lib/apt/lists/*';

/** Dockerfiles of the guide's part on languages. */
export const LANGUAGE_CASES: readonly SeedCase[] = [
  {
    section: 'Node.js (Next.js)',
    title: 'pages of the server',
    examples: ['server-rendering'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM node:20-alpine AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci

FROM node:20-alpine AS builder
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY . .
RUN npm run build

FROM node:20-alpine AS runner
WORKDIR /app
ENV NODE_ENV=production
RUN addgroup --system --gid 1001 nodejs
RUN adduser --system --uid 1001 nextjs
COPY --from=builder --chown=nextjs:nodejs /app/.next ./.next
COPY --from=builder /app/node_modules ./node_modules
COPY --from=builder /app/package.json ./package.json
COPY --from=builder /app/public ./public
USER nextjs
EXPOSE 3000
CMD ["npm", "start"]
`,
    has: ['app/.next/server.js', 'app/public/style.css'],
    lacks: ['app/src', 'app/package-lock.json'],
    service: { port: 3000, path: '/shelf', answers: '/shelf</h1>' },
  },
  {
    section: 'Python (Django/FastAPI)',
    title: 'as written',
    examples: ['python-wheels'],
    dockerfile: PYTHON,
    fails: 'Unable to locate package postgresql-dev',
    notes: ['not possible: no release of Debian has a package "postgresql-dev"'],
  },
  {
    section: 'Python (Django/FastAPI)',
    title: "with Debian's name of the package",
    examples: ['python-wheels'],
    dockerfile: PYTHON.replace('postgresql-dev', 'libpq-dev'),
    replaced: [{ text: PACKAGES, by: PACKAGES.replace('postgresql-dev', 'libpq-dev') }],
    has: ['usr/bin/psql', 'app/main.py'],
    lacks: ['usr/bin/gcc', 'usr/include/postgresql'],
    service: { port: 8000, path: '/convert/2/mile/metre', answers: '3218.688' },
    notes: ['libpq-dev instead of postgresql-dev'],
  },
  {
    section: 'Go (Minimal)',
    title: 'scratch',
    examples: ['go-cache-mounts'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=linux go build -a -installsuffix cgo -ldflags="-s -w" -o main .

FROM scratch
COPY --from=builder /app/main /main
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 1001:1001
ENTRYPOINT ["/main"]
`,
    lacks: ['app', 'usr', 'bin'],
    service: { port: 8080, answers: '"blue":"Ada"' },
  },
  {
    section: 'Java (Spring Boot)',
    title: 'layers of a jar',
    examples: ['spring-layers'],
    dockerfile: `# syntax=docker/dockerfile:1
FROM eclipse-temurin:21-jdk-jammy AS deps
WORKDIR /app
COPY mvnw pom.xml ./
COPY .mvn .mvn
RUN ./mvnw dependency:go-offline

FROM deps AS builder
COPY src ./src
RUN ./mvnw clean package -DskipTests

FROM builder AS extractor
WORKDIR /app
RUN java -Djarmode=layertools -jar target/*.jar extract --destination target/extracted

FROM eclipse-temurin:21-jre-jammy AS runner
WORKDIR /app
RUN useradd -m -u 1001 appuser
USER appuser
COPY --from=extractor /app/target/extracted/dependencies/ ./
COPY --from=extractor /app/target/extracted/spring-boot-loader/ ./
COPY --from=extractor /app/target/extracted/snapshot-dependencies/ ./
COPY --from=extractor /app/target/extracted/application/ ./
EXPOSE 8080
ENTRYPOINT ["java", "org.springframework.boot.loader.launch.JarLauncher"]
`,
    has: ['app/BOOT-INF/lib/', 'app/org/springframework/boot/loader/launch/JarLauncher.class'],
    lacks: ['app/pom.xml', 'app/src', 'root/.m2', 'app/target'],
    service: { port: 8080, path: '/?name=Ada', answers: 'Good day, Ada' },
    notes: ['the stand-in has Java 17: Debian 12 has no 21'],
  },
];
