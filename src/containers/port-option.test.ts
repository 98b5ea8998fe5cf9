import { expect, test } from 'vitest';
import { formatPort, parsePort } from './port-option.ts';

test.each([
  ['8080:80', '0.0.0.0:8080->80/tcp'],
  ['80', '0.0.0.0:0->80/tcp'],
  ['127.0.0.1:8080:80', '127.0.0.1:8080->80/tcp'],
  ['127.0.0.1::80', '127.0.0.1:0->80/tcp'],
  ['[::1]:8080:80/tcp', '[::1]:8080->80/tcp'],
  ['65535:65535', '0.0.0.0:65535->65535/tcp'],
])('parsePort() reads %s', (text, shown) => {
  expect(formatPort(parsePort(text))).toBe(shown);
});

test.each([
  '',
  ':',
  'a:b',
  '70000:80',
  '80:',
  '1:2:3:4',
  '80/tcp/x',
  '[::1:80',
  '::1:1:2',
  '-1:80',
])('parsePort() refuses "%s"', (text) => {
  expect(() => parsePort(text)).toThrow(
    expect.objectContaining({ code: 'BAD_CONTAINER_OPTION' }) as Error,
  );
});
