/**
 * The one piece of machine code in this program: it makes the system calls that a table of records
 * names, one after the other. There is nothing else that can run between fork and exec inside new
 * namespaces (Node cannot, and a compiler is not at hand when this package is installed), so what has
 * to happen there is data, written in TypeScript (program.ts), and this is its reader.
 *
 * A record is nine 64-bit words: number, six arguments, rule, value (`RULE` in program.ts).
 *
 *   next:    make the call; by its rule go on, or on to fail:
 *   fail:    write { address of the record, result } to descriptor 3, exit 125
 *   forked:  the child goes on with the next record; the parent waits for SIGCHLD or another signal of
 *            the set at `value`, kills the child with SIGKILL on any other one, and when the child is gone
 *            writes { 0, its wait status } to descriptor 3 and exits
 *
 * The records follow directly behind the code. To check it: assemble the comments with GNU as.
 */

// prettier-ignore
const X86_64 = [
  '488d1de1000000', // lea rbx,[rip+records]
  // next:
  '488b03', // mov rax,[rbx]
  '488b7b08', // mov rdi,[rbx+0x8]
  '488b7310', // mov rsi,[rbx+0x10]
  '488b5318', // mov rdx,[rbx+0x18]
  '4c8b5320', // mov r10,[rbx+0x20]
  '4c8b4328', // mov r8,[rbx+0x28]
  '4c8b4b30', // mov r9,[rbx+0x30]
  '0f05', // syscall
  '8b4b38', // mov ecx,[rbx+0x38]
  '83f903', // cmp ecx,0x3
  '7440', // je forked
  '83f902', // cmp ecx,0x2
  '7413', // je equal
  '83f901', // cmp ecx,0x1
  '7408', // je advance
  '483d00f0ffff', // cmp rax,0xfffffffffffff000
  '770c', // ja fail
  // advance:
  '4883c348', // add rbx,0x48
  'ebc3', // jmp next
  // equal:
  '483b4340', // cmp rax,[rbx+0x40]
  '74f4', // je advance
  // fail:
  '50', // push rax
  '53', // push rbx
  'bf03000000', // mov edi,0x3
  '4889e6', // mov rsi,rsp
  'ba10000000', // mov edx,0x10
  'b801000000', // mov eax,0x1
  '0f05', // syscall
  'bf7d000000', // mov edi,0x7d
  'b8e7000000', // mov eax,0xe7
  '0f05', // syscall
  // forked:
  '483d00f0ffff', // cmp rax,0xfffffffffffff000
  '77d6', // ja fail
  '85c0', // test eax,eax
  '74c6', // je advance
  '89c5', // mov ebp,eax
  '6a00', // push 0x0
  '6a00', // push 0x0
  // wait:
  '488b7b40', // mov rdi,[rbx+0x40]
  '31f6', // xor esi,esi
  '31d2', // xor edx,edx
  '41ba08000000', // mov r10d,0x8
  'b880000000', // mov eax,0x80
  '0f05', // syscall
  '83f811', // cmp eax,0x11
  '7412', // je reap
  '85c0', // test eax,eax
  '780e', // js reap
  '89ef', // mov edi,ebp
  'be09000000', // mov esi,0x9
  'b83e000000', // mov eax,0x3e
  '0f05', // syscall
  // reap:
  '89ef', // mov edi,ebp
  '488d742408', // lea rsi,[rsp+0x8]
  'ba01000000', // mov edx,0x1
  '4531d2', // xor r10d,r10d
  'b83d000000', // mov eax,0x3d
  '0f05', // syscall
  '39e8', // cmp eax,ebp
  '75ba', // jne wait
  'bf03000000', // mov edi,0x3
  '4889e6', // mov rsi,rsp
  'ba10000000', // mov edx,0x10
  'b801000000', // mov eax,0x1
  '0f05', // syscall
  '31ff', // xor edi,edi
  'b8e7000000', // mov eax,0xe7
  '0f05', // syscall
  '0f1f8000000000', // nop [rax+0x0]
].join('');

// prettier-ignore
const AARCH64 = [
  '13080010', // adr x19, records
  // next:
  '680240f9', // ldr x8, [x19]
  '608640a9', // ldp x0, x1, [x19, #8]
  '628e41a9', // ldp x2, x3, [x19, #24]
  '649642a9', // ldp x4, x5, [x19, #40]
  '010000d4', // svc #0x0
  '691e40f9', // ldr x9, [x19, #56]
  '3f0d00f1', // cmp x9, #0x3
  'a0020054', // b.eq forked
  '3f0900f1', // cmp x9, #0x2
  'e0000054', // b.eq equal
  '3f0500f1', // cmp x9, #0x1
  '60000054', // b.eq advance
  '1ffc3fb1', // cmn x0, #0xfff
  'c2000054', // b.cs fail
  // advance:
  '73220191', // add x19, x19, #0x48
  'f1ffff17', // b next
  // equal:
  '692240f9', // ldr x9, [x19, #64]
  '1f0009eb', // cmp x0, x9
  '80ffff54', // b.eq advance
  // fail:
  'f303bfa9', // stp x19, x0, [sp, #-16]!
  '600080d2', // mov x0, #0x3
  'e1030091', // mov x1, sp
  '020280d2', // mov x2, #0x10
  '080880d2', // mov x8, #0x40
  '010000d4', // svc #0x0
  'a00f80d2', // mov x0, #0x7d
  'c80b80d2', // mov x8, #0x5e
  '010000d4', // svc #0x0
  // forked:
  '1ffc3fb1', // cmn x0, #0xfff
  'c2feff54', // b.cs fail
  '00feffb4', // cbz x0, advance
  'f40300aa', // mov x20, x0
  'ff7fbfa9', // stp xzr, xzr, [sp, #-16]!
  // wait:
  '602240f9', // ldr x0, [x19, #64]
  '010080d2', // mov x1, #0x0
  '020080d2', // mov x2, #0x0
  '030180d2', // mov x3, #0x8
  '281180d2', // mov x8, #0x89
  '010000d4', // svc #0x0
  '1f440071', // cmp w0, #0x11
  'c0000054', // b.eq reap
  'a000f837', // tbnz w0, #31, reap
  'e00314aa', // mov x0, x20
  '210180d2', // mov x1, #0x9
  '281080d2', // mov x8, #0x81
  '010000d4', // svc #0x0
  // reap:
  'e00314aa', // mov x0, x20
  'e1230091', // add x1, sp, #0x8
  '220080d2', // mov x2, #0x1
  '030080d2', // mov x3, #0x0
  '882080d2', // mov x8, #0x104
  '010000d4', // svc #0x0
  '1f00146b', // cmp w0, w20
  '81fdff54', // b.ne wait
  '600080d2', // mov x0, #0x3
  'e1030091', // mov x1, sp
  '020280d2', // mov x2, #0x10
  '080880d2', // mov x8, #0x40
  '010000d4', // svc #0x0
  '000080d2', // mov x0, #0x0
  'c80b80d2', // mov x8, #0x5e
  '010000d4', // svc #0x0
  '1f2003d5', // nop
].join('');

/** Processors that the launcher is written for, by `process.arch`. */
export type LauncherArchitecture = 'x64' | 'arm64';

/** Machine code of the reader. Its length is a multiple of 8. */
export function launcherCode(architecture: LauncherArchitecture): Buffer {
  return Buffer.from(architecture === 'x64' ? X86_64 : AARCH64, 'hex');
}
