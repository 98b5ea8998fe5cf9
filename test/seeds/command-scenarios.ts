import type { SeedDocument } from './seed-case.ts';

/** One command line of a text. */
export interface CommandStep {
  /** As the text has it, each run of blanks one blank. */
  readonly text: string;
  /** What stands for it where the text has a placeholder; `docker` is replaced in any case. */
  readonly run?: string;
  /** What is typed into a terminal that the command gets. */
  readonly typed?: string;
  /** A part of what it prints, or of the answer to a request. */
  readonly shows?: string;
}

/** The command lines below one heading of a text, run in the context of a case. */
export interface CommandScenario {
  readonly document: SeedDocument;
  readonly section: string;
  /** The case whose context and Dockerfile they are run with. */
  readonly case: { readonly section: string; readonly title: string };
  /** Dockerfiles of cases of the same section under names of their own, name → title. */
  readonly dockerfiles?: Readonly<Record<string, string>>;
  readonly steps: readonly CommandStep[];
  readonly isQuick?: boolean;
}

const builds = (...texts: string[]): CommandStep[] => texts.map((text) => ({ text }));
const SHELL_STEP = { typed: 'echo inside-$((40 + 2))\nexit\n', shows: 'inside-42' };
const DEVELOPMENT = 'docker build --target development -t myapp:dev .';
const PRODUCTION = 'docker build --target production -t myapp:prod .';
const LEVELS = { section: 'Pattern 5: Development vs Production', title: '--target production' };
const CONDITIONAL = 'Conditional Stages (BuildKit)';

/** All command lines of the texts. */
export const SEED_COMMANDS: readonly CommandScenario[] = [
  {
    document: 'chapter',
    section: 'SECTION 6.4: ADVANCED TECHNIQUES',
    case: { section: 'SECTION 6.4: ADVANCED TECHNIQUES', title: '--target prod' },
    steps: builds(
      'docker build --target dev -t myapp:dev .',
      'docker build --target test -t myapp:test .',
      'docker build --target prod -t myapp:prod .',
    ),
  },
  {
    document: 'chapter',
    section: 'CHAPTER SUMMARY',
    case: { section: 'CHAPTER SUMMARY', title: 'COPY --from' },
    isQuick: true,
    steps: [
      {
        text: 'docker build --target <stage> -t image:tag .',
        run: 'docker build --target stagename -t image:tag .',
      },
    ],
  },
  {
    document: 'tutorial',
    section: 'Example 1: Node.js Application',
    case: { section: 'Example 1: Node.js Application', title: 'production dependencies only' },
    isQuick: true,
    steps: [
      { text: 'docker build -t node-multistage .' },
      { text: 'docker images node-multistage', shows: 'node-multistage' },
      { text: 'docker run -d -p 3000:3000 node-multistage' },
      { text: 'curl http://localhost:3000', shows: 'water the plants' },
    ],
  },
  {
    document: 'tutorial',
    section: 'Example 2: Go Application (Maximum Optimization)',
    case: { section: 'Example 2: Go Application (Maximum Optimization)', title: 'scratch' },
    steps: [
      { text: 'docker build -t go-multistage .' },
      { text: 'docker images go-multistage', shows: 'go-multistage' },
    ],
  },
  {
    document: 'tutorial',
    section: 'Example 5: Multiple Named Stages',
    case: { section: 'Example 5: Multiple Named Stages', title: '--target production' },
    steps: builds(DEVELOPMENT, PRODUCTION),
  },
  {
    document: 'tutorial',
    section: 'Verification and Comparison',
    case: { section: 'Verification and Comparison', title: 'Dockerfile.multi' },
    dockerfiles: {
      'Dockerfile.single': 'Dockerfile.single',
      'Dockerfile.multi': 'Dockerfile.multi',
    },
    steps: [
      { text: 'docker build -f Dockerfile.single -t app:single .' },
      { text: 'docker build -f Dockerfile.multi -t app:multi .' },
      { text: 'docker images | grep app', shows: 'multi' },
    ],
  },
  {
    document: 'guide',
    section: 'Pattern 3: Test Stage',
    case: { section: 'Pattern 3: Test Stage', title: '--target test' },
    steps: builds('docker build --target test -t myapp:test .', 'docker build -t myapp:latest .'),
  },
  {
    document: 'guide',
    section: 'Pattern 4: Multi-Architecture',
    case: { section: 'Pattern 4: Multi-Architecture', title: 'compiled for the target' },
    isQuick: true,
    steps: builds('docker buildx build --platform linux/amd64,linux/arm64 -t myapp:latest .'),
  },
  {
    document: 'guide',
    section: LEVELS.section,
    case: LEVELS,
    steps: builds(DEVELOPMENT, PRODUCTION),
  },
  {
    document: 'guide',
    section: CONDITIONAL,
    case: { section: CONDITIONAL, title: 'BUILD_ENV=production' },
    isQuick: true,
    steps: builds(
      'docker build --build-arg BUILD_ENV=development -t myapp:dev .',
      'docker build --build-arg BUILD_ENV=production -t myapp:prod .',
    ),
  },
  {
    document: 'guide',
    section: 'Target Specific Stage',
    case: { section: '3. Minimize Final Stage', title: 'one file' },
    isQuick: true,
    steps: [
      { text: 'docker build --target builder -t myapp:builder .' },
      { text: 'docker run -it myapp:builder /bin/sh', ...SHELL_STEP },
    ],
  },
  {
    document: 'guide',
    section: 'Check Stage Sizes',
    case: LEVELS,
    steps: [
      { text: 'docker build --target builder -t myapp:builder .' },
      { text: 'docker build --target production -t myapp:production .' },
      { text: 'docker images | grep myapp', shows: 'builder' },
    ],
  },
  {
    document: 'guide',
    section: 'Debug Intermediate Stages',
    case: LEVELS,
    steps: [
      { text: 'docker build --target builder -t debug:builder .' },
      { text: 'docker run -it debug:builder /bin/sh', ...SHELL_STEP },
    ],
  },
  {
    document: 'guide',
    section: 'View Build Process',
    case: { section: '3. Minimize Final Stage', title: 'one file' },
    isQuick: true,
    steps: [
      {
        text: 'DOCKER_BUILDKIT=1 docker build --progress=plain .',
        shows: 'COPY --from=builder /app/binary /app/binary',
      },
    ],
  },
  {
    document: 'article',
    section: 'Building Specific Stages',
    case: { section: 'Multi-Stage Build Basics', title: 'Node in two stages' },
    steps: builds('docker build --target builder -t myapp:builder .'),
  },
  {
    document: 'article',
    section: 'Development vs Production',
    case: { section: 'Development vs Production', title: '--target production' },
    steps: builds(DEVELOPMENT, PRODUCTION),
  },
  {
    document: 'article',
    section: 'Testing Stage',
    case: { section: 'Testing Stage', title: '--target test' },
    steps: builds('docker build --target test -t myapp:test .', 'docker run --rm myapp:test'),
  },
  {
    document: 'module',
    section: '6. Summary',
    case: { section: '2. Go (Golang + Scratch)', title: 'a static program' },
    // The second dot ends the sentence.
    steps: [
      {
        text: 'docker build --target builder ..',
        run: 'docker build --target builder .',
      },
    ],
  },
];
