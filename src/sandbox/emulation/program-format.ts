/** How the programs of a processor look to the kernel: the fields of the ELF header that tell (elf(5)). */
export interface ProgramFormat {
  readonly isWide: boolean;
  readonly isLittleEndian: boolean;
  /** `e_machine` of linux/elf-em.h. */
  readonly machine: number;
  /** The processor in the names of QEMU's programs. */
  readonly emulator: string;
}

/** By GOARCH. */
const FORMATS: Readonly<Record<string, ProgramFormat>> = {
  '386': little(32, 3, 'i386'),
  amd64: little(64, 62, 'x86_64'),
  arm: little(32, 40, 'arm'),
  arm64: little(64, 183, 'aarch64'),
  loong64: little(64, 258, 'loongarch64'),
  mips: big(32, 8, 'mips'),
  mips64: big(64, 8, 'mips64'),
  mips64le: little(64, 8, 'mips64el'),
  mipsle: little(32, 8, 'mipsel'),
  ppc64: big(64, 21, 'ppc64'),
  ppc64le: little(64, 21, 'ppc64le'),
  riscv64: little(64, 243, 'riscv64'),
  s390x: big(64, 22, 's390x'),
};

/** The architectures whose programs are known, in byte order. */
export const KNOWN_ARCHITECTURES: readonly string[] = Object.keys(FORMATS).sort();

/** The format of an architecture (GOARCH); undefined for one that is not known here. */
export function programFormat(architecture: string): ProgramFormat | undefined {
  return Object.hasOwn(FORMATS, architecture) ? FORMATS[architecture] : undefined;
}

/** Bytes of an ELF header up to and with `e_machine`: what the kernel compares. */
export const COMPARED_BYTES = 20;
const ET_EXEC = 2;

/** How the header of a program begins. */
export function headerOf(format: ProgramFormat): Buffer {
  const header = Buffer.alloc(COMPARED_BYTES);
  header.write('7f454c46', 0, 'hex');
  header[4] = format.isWide ? 2 : 1;
  header[5] = format.isLittleEndian ? 1 : 2;
  header[6] = 1;
  writeHalf(header, ET_EXEC, 16, format);
  writeHalf(header, format.machine, 18, format);
  return header;
}

/** Which bits of it count: all but those for the system, and that of position-independent programs. */
export function headerMask(format: ProgramFormat): Buffer {
  const mask = Buffer.alloc(COMPARED_BYTES, 0xff);
  const OS_ABI = 7;
  mask[OS_ABI] = 0;
  writeHalf(mask, 0xfffe, 16, format);
  return mask;
}

function writeHalf(target: Buffer, value: number, at: number, format: ProgramFormat): void {
  if (format.isLittleEndian) target.writeUInt16LE(value, at);
  else target.writeUInt16BE(value, at);
}

function little(bits: number, machine: number, emulator: string): ProgramFormat {
  return { isWide: bits === 64, isLittleEndian: true, machine, emulator };
}

function big(bits: number, machine: number, emulator: string): ProgramFormat {
  return { isWide: bits === 64, isLittleEndian: false, machine, emulator };
}
