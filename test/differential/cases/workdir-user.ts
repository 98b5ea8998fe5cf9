import type { DifferentialCase } from '../case.ts';
import { REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

/** WORKDIR and USER: what they make, and what steps see. */
export const WORKDIR_USER_CASES: readonly DifferentialCase[] = [
  { name: 'WORKDIR makes what is missing', dockerfile: `${BASE}WORKDIR /a/b/c\nRUN pwd > /out\n` },
  {
    name: 'WORKDIR, relative',
    dockerfile: `${BASE}WORKDIR /a\nWORKDIR b\nWORKDIR ../c\nWORKDIR .\nRUN pwd > /out\n`,
  },
  { name: 'WORKDIR, relative without one before', dockerfile: `${BASE}WORKDIR x/y\n` },
  { name: 'WORKDIR, relative to the base image', dockerfile: 'FROM diff/rich:1\nWORKDIR x\n' },
  {
    name: 'WORKDIR / makes no layer',
    dockerfile: `${BASE}WORKDIR /\nWORKDIR /tmp/..\n`,
  },
  {
    name: 'WORKDIR that is there',
    dockerfile: `${BASE}WORKDIR /tmp\nWORKDIR /tmp/\nRUN pwd > /out\n`,
  },
  {
    name: 'WORKDIR with variables and spaces',
    dockerfile: `${BASE}ENV d=/x\nWORKDIR $d/\${e:-y}\nWORKDIR a b\nRUN pwd > /out\n`,
  },
  {
    name: 'WORKDIR through a link',
    dockerfile: `${BASE}RUN mkdir /real && ln -s /real /link\nWORKDIR /link/sub\nRUN pwd > /out; pwd -P > /out2\n`,
  },
  {
    name: 'WORKDIR makes directories that belong to USER',
    dockerfile: `${BASE}USER app\nWORKDIR /home/app/x/y\n`,
  },
  { name: 'WORKDIR on scratch', dockerfile: 'FROM scratch\nWORKDIR /a/b\nWORKDIR c\n' },
  { name: 'WORKDIR in quotes', dockerfile: `${BASE}WORKDIR "/a b"\nRUN pwd > /out\n` },
  {
    name: 'a step in a directory that is gone again',
    dockerfile: `${BASE}WORKDIR /a/b\nRUN rm -r /a\nRUN pwd > /out\n`,
  },
  {
    name: 'USER for steps, by name',
    dockerfile: `${BASE}USER app\nRUN (id -u; id -g; id -G) > /tmp/id; echo $HOME > /tmp/home; touch /home/app/x\n`,
  },
  {
    name: 'USER for steps, by number',
    dockerfile: `${BASE}USER 1234\nRUN (id -u; id -g; id -G) > /tmp/id; echo "$HOME" > /tmp/home\n`,
  },
  {
    name: 'USER for steps, by number and group',
    dockerfile: `${BASE}USER 1234:50\nRUN (id -u; id -g; id -G) > /tmp/id\n`,
  },
  {
    name: 'USER for steps, a known number',
    dockerfile: `${BASE}USER 1000\nRUN (id -u; id -g; id -G) > /tmp/id; echo "$HOME" > /tmp/home\n`,
  },
  {
    name: 'USER for steps, name and group',
    dockerfile: `${BASE}USER app:www\nRUN (id -u; id -g; id -G) > /tmp/id\n`,
  },
  {
    name: 'USER for steps, name with supplementary groups',
    dockerfile: `${BASE}USER web\nRUN id -G > /tmp/id\n`,
  },
  {
    name: "USER keeps root's groups",
    dockerfile: `${BASE}USER root\nRUN (id -u; id -g; id -G) > /tmp/id; echo $HOME > /tmp/home\n`,
  },
  {
    name: 'the primary group is a supplementary one too',
    dockerfile: `${BASE}USER app\nRUN grep Groups /proc/self/status > /tmp/groups\n`,
    expect: {
      differs: ['file /tmp/groups: size', 'file /tmp/groups: content'],
      reason: REASON.primaryGroup,
    },
  },
  {
    name: 'USER that a step made',
    dockerfile: `${BASE}RUN echo 'new:x:77:78::/n:/bin/sh' >> /etc/passwd\nUSER new\nRUN id -u > /tmp/id; id -g >> /tmp/id; echo $HOME >> /tmp/id\n`,
  },
  {
    name: 'USER that is not there fails when a step runs',
    dockerfile: `${BASE}USER ghost\nRUN true\n`,
    expect: { refused: 'UNKNOWN_USER', docker: /unable to find user ghost/, line: 3 },
  },
  {
    name: 'USER that is not there is no matter without steps',
    dockerfile: `${BASE}USER ghost\nCOPY a /\n`,
    context: { a: 'a' },
  },
];
