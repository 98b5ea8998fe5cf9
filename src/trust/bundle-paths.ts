/** Where distributions and their programs have the bundle of trusted authorities, in PEM form. */
export const PEM_BUNDLES: readonly string[] = [
  // Debian, Ubuntu, Alpine, Arch, Gentoo.
  '/etc/ssl/certs/ca-certificates.crt',
  // Alpine, and OpenSSL's own default.
  '/etc/ssl/cert.pem',
  // Fedora, RHEL and what is made of them.
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/tls/cert.pem',
  // SUSE.
  '/var/lib/ca-certificates/ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
];

/** Where distributions have the authorities of all their Javas. */
const JAVA_STORES: readonly string[] = [
  '/etc/ssl/certs/java/cacerts',
  '/etc/pki/ca-trust/extracted/java/cacerts',
  '/etc/pki/java/cacerts',
  '/var/lib/ca-certificates/java-cacerts',
];

/** Directories with a Java each, and one that is a Java. */
export const JAVA_PARENTS: readonly string[] = ['/usr/lib/jvm', '/opt', '/opt/java', '/usr/java'];
const JAVA_HOME = '/opt/java/openjdk';

/** Below a Java: since version 9, and in the JDK of version 8. */
const STORES_OF_JAVA: readonly string[] = ['lib/security/cacerts', 'jre/lib/security/cacerts'];

/** All places of Java stores, for these directories with a Java each. */
export function javaStores(homes: readonly string[]): readonly string[] {
  return [
    ...JAVA_STORES,
    ...[JAVA_HOME, ...homes].flatMap((home) => STORES_OF_JAVA.map((name) => `${home}/${name}`)),
  ];
}
