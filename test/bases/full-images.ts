import { debianGoImage, nodeImage, pythonImage, type BaseImage } from './base-images.ts';

/**
 * What the official images of languages have besides the language: compilers, headers, version control.
 * They are made of Debian's packages, too, so these stand-ins weigh about what those do.
 * @see https://github.com/docker-library/buildpack-deps
 */
const VERSION_CONTROL = [
  'ca-certificates',
  'curl',
  'git',
  'gnupg',
  'mercurial',
  'netbase',
  'openssh-client',
  'procps',
  'subversion',
  'tzdata',
  'wget',
];
const DEVELOPMENT = [
  'autoconf',
  'automake',
  'bzip2',
  'default-libmysqlclient-dev',
  'dpkg-dev',
  'file',
  'g++',
  'gcc',
  'imagemagick',
  'libbz2-dev',
  'libc6-dev',
  'libcurl4-openssl-dev',
  'libdb-dev',
  'libevent-dev',
  'libffi-dev',
  'libgdbm-dev',
  'libglib2.0-dev',
  'libgmp-dev',
  'libjpeg-dev',
  'libkrb5-dev',
  'liblzma-dev',
  'libmagickcore-dev',
  'libmagickwand-dev',
  'libmaxminddb-dev',
  'libncurses-dev',
  'libpng-dev',
  'libpq-dev',
  'libreadline-dev',
  'libsqlite3-dev',
  'libssl-dev',
  'libtool',
  'libwebp-dev',
  'libxml2-dev',
  'libxslt1-dev',
  'libyaml-dev',
  'make',
  'patch',
  'unzip',
  'xz-utils',
  'zlib1g-dev',
];

/** Stand-ins as heavy as the official images, for measuring: tests use lighter ones of the same names. */
export const FULL_IMAGES: readonly BaseImage[] = [
  withPackages(nodeImage('node-18-full', 18, ['node:18']), [...VERSION_CONTROL, ...DEVELOPMENT]),
  withPackages(pythonImage('python-full', ['python:3.11'], ['python3-dev']), [
    ...VERSION_CONTROL,
    ...DEVELOPMENT,
  ]),
  withPackages(debianGoImage('golang-full', ['golang:1.21']), [
    ...VERSION_CONTROL,
    'g++',
    'pkg-config',
  ]),
];

function withPackages(image: BaseImage, packages: readonly string[]): BaseImage {
  return { ...image, packages: [...new Set([...image.packages, ...packages])] };
}
