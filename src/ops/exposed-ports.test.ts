import { describe, expect, test } from 'vitest';
import { exposedPorts } from './exposed-ports.ts';

const SPAN = { file: { path: 'Dockerfile', text: '' }, start: 0, end: 0 };

describe('exposedPorts()', () => {
  test.each([
    ['80', ['80/tcp']],
    ['53/udp', ['53/udp']],
    ['80/TCP', ['80/tcp']],
    ['80/', ['80/tcp']],
    ['8000-8002/sctp', ['8000/sctp', '8001/sctp', '8002/sctp']],
    ['7-7', ['7/tcp']],
    ['0', ['0/tcp']],
    ['65535', ['65535/tcp']],
    ['8080:80', ['80/tcp']],
    ['127.0.0.1:8080:80', ['80/tcp']],
    ['[::1]:8080:80', ['80/tcp']],
    ['9000-9001:80-81', ['80/tcp', '81/tcp']],
    ['9000-9009:80', ['80/tcp']],
  ])('reads %s', (word, expected) => {
    expect(exposedPorts(word, SPAN)).toEqual(expected);
  });

  test.each([
    ['', 'no port specified'],
    ['/tcp', 'no port specified'],
    ['80/icmp', 'invalid proto: icmp'],
    ['x', 'invalid containerPort: x'],
    ['65536', 'invalid containerPort: 65536'],
    ['-1', 'invalid containerPort: -1'],
    ['9-8', 'invalid containerPort: 9-8'],
    ['1-2-3', 'invalid containerPort: 1-2-3'],
    ['x:80', 'invalid hostPort: x'],
    ['1.2.3.999:80:80', 'invalid IP address: 1.2.3.999'],
    ['1-2:3-5', 'invalid ranges specified for container and host Ports: 3-5 and 1-2'],
  ])('refuses "%s"', (word, found) => {
    expect(() => exposedPorts(word, SPAN)).toThrow(`Cannot expose "${word}": ${found}`);
  });
});
