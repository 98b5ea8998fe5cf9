import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';
const RICH = 'FROM diff/rich:1\n';

/** Instructions that only change the config. */
export const CONFIG_CASES: readonly DifferentialCase[] = [
  { name: 'CMD, shell form', dockerfile: `${BASE}CMD echo "a  b" $HOME\n` },
  { name: 'CMD, exec form', dockerfile: `${BASE}CMD ["a", "b c", "d\\"e", "ü", "tab\\t"]\n` },
  { name: 'CMD, empty list', dockerfile: `${BASE}CMD []\n` },
  { name: 'CMD, the last wins', dockerfile: `${BASE}CMD a\nCMD ["b"]\n` },
  { name: 'CMD, almost a list', dockerfile: `${BASE}CMD ["a", 'b']\n` },
  { name: 'CMD with the shell of the base image', dockerfile: `${RICH}CMD run it\n` },
  {
    name: 'ENTRYPOINT, shell form, forgets the base command',
    dockerfile: `${BASE}ENTRYPOINT exec top -b\n`,
  },
  {
    name: 'ENTRYPOINT, exec form, forgets the base command',
    dockerfile: `${RICH}ENTRYPOINT ["/bin/x", "y"]\n`,
  },
  { name: 'ENTRYPOINT after CMD keeps it', dockerfile: `${BASE}CMD ["a"]\nENTRYPOINT ["b"]\n` },
  { name: 'ENTRYPOINT before CMD', dockerfile: `${BASE}ENTRYPOINT ["b"]\nCMD ["a"]\n` },
  {
    name: 'ENTRYPOINT in a stage below',
    dockerfile: 'FROM diff/base:1 AS below\nCMD ["a"]\nFROM below\nENTRYPOINT ["b"]\n',
  },
  { name: 'ENTRYPOINT, empty list', dockerfile: `${RICH}ENTRYPOINT []\n` },
  {
    name: 'SHELL for later commands',
    dockerfile: `${BASE}SHELL ["/bin/sh", "-x", "-c"]\nCMD a\nENTRYPOINT b\nRUN echo hi > /x\nHEALTHCHECK CMD c\n`,
    expect: historyDiffers(REASON.healthcheckText, 6),
  },
  {
    name: 'SHELL that is not a list',
    dockerfile: `${BASE}SHELL /bin/sh -c\n`,
    expect: {
      refused: 'WRONG_ARGUMENTS',
      docker: /SHELL requires the arguments to be in JSON form/,
      line: 2,
    },
  },
  {
    name: 'LABEL, all forms',
    dockerfile: `${BASE}LABEL a=b "c d"="e f" g='h' empty=\nLABEL old style here\nLABEL multi="line \\\nmore" a=c\n`,
  },
  { name: 'LABEL over the base image', dockerfile: `${RICH}LABEL vendor=mine new=1\n` },
  {
    name: 'LABEL with variables in names',
    dockerfile: `${BASE}ENV n=name v=value\nLABEL $n=$v \${n}.x="\${v} y"\n`,
  },
  {
    name: 'labels of the command line',
    dockerfile: `${BASE}LABEL a=file b=file\n`,
    labels: { a: 'flag', z: 'last', m: 'x y' },
  },
  {
    name: 'EXPOSE',
    dockerfile: `${BASE}EXPOSE 80 443/tcp 53/udp\nEXPOSE 8000-8002/tcp\nEXPOSE 80\nENV p=9000\nEXPOSE $p/TCP\n`,
    expect: historyDiffers(REASON.exposeText, 2, 3, 4, 6),
  },
  {
    name: 'EXPOSE over the base image',
    dockerfile: `${RICH}EXPOSE 22\n`,
    expect: historyDiffers(REASON.exposeText, 3),
  },
  {
    name: 'EXPOSE with two ports in one variable',
    dockerfile: `${BASE}ENV ports="1 2/udp"\nEXPOSE $ports 3\n`,
    expect: historyDiffers(REASON.exposeText, 3),
  },
  {
    name: 'EXPOSE of nothing',
    dockerfile: `${BASE}EXPOSE\n`,
    expect: {
      refused: 'WRONG_ARGUMENTS',
      docker: /EXPOSE requires at least one argument/,
      line: 2,
    },
  },
  {
    name: 'EXPOSE of no port',
    dockerfile: `${BASE}EXPOSE web\n`,
    expect: { refused: 'PORT_INVALID', docker: /[iI]nvalid containerPort|[iI]nvalid/, line: 2 },
  },
  {
    name: 'VOLUME',
    dockerfile: `${BASE}VOLUME /a /b\nVOLUME ["/c d", "/e"]\nENV v=/f\nVOLUME $v/g\nVOLUME rel\n`,
  },
  {
    name: 'VOLUME over the base image, and files put there later',
    dockerfile: `${RICH}USER root\nVOLUME /v\nRUN mkdir -p /v && echo x > /v/x\nCOPY a /data/\n`,
    context: { a: 'a' },
  },
  { name: 'STOPSIGNAL', dockerfile: `${BASE}STOPSIGNAL SIGTERM\n` },
  { name: 'STOPSIGNAL by number and variable', dockerfile: `${RICH}ENV s=9\nSTOPSIGNAL $s\n` },
  {
    name: 'STOPSIGNAL of no signal',
    dockerfile: `${BASE}STOPSIGNAL SIGNOTHING\n`,
    expect: { refused: 'SIGNAL_INVALID', docker: /[iI]nvalid signal/, line: 2 },
  },
  {
    name: 'HEALTHCHECK, all flags',
    dockerfile: `${BASE}HEALTHCHECK --interval=1m30s --timeout=5s --start-period=1h --retries=4 CMD curl -f "x  y" || exit 1\n`,
    expect: historyDiffers(REASON.healthcheckText, 2),
  },
  {
    name: 'HEALTHCHECK, exec form',
    dockerfile: `${BASE}HEALTHCHECK --interval=500ms CMD ["a", "b c"]\n`,
    expect: historyDiffers(REASON.healthcheckText, 2),
  },
  {
    name: 'HEALTHCHECK NONE',
    dockerfile: `${RICH}HEALTHCHECK NONE\n`,
    expect: historyDiffers(REASON.healthcheckText, 3),
  },
  {
    name: 'HEALTHCHECK, too short',
    dockerfile: `${BASE}HEALTHCHECK --interval=1us CMD a\n`,
    expect: { refused: 'INVALID_HEALTHCHECK', docker: /cannot be less than 1ms/, line: 2 },
  },
  {
    name: 'HEALTHCHECK without a command',
    dockerfile: `${BASE}HEALTHCHECK CMD\n`,
    expect: { refused: 'INVALID_HEALTHCHECK', docker: /Missing command/, line: 2 },
  },
  { name: 'MAINTAINER', dockerfile: `${BASE}MAINTAINER A Person <a@b.c>\n` },
  { name: 'USER', dockerfile: `${BASE}USER app\nUSER 1000:50\nENV u=web\nUSER $u:\${u:-x}\n` },
  {
    name: 'many settings in one image',
    dockerfile: `${BASE}ENV A=1\nLABEL a=1\nEXPOSE 1\nVOLUME /v\nUSER app\nWORKDIR /w\nSTOPSIGNAL 3\nENTRYPOINT ["e"]\nCMD ["c"]\n`,
    expect: historyDiffers(REASON.exposeText, 4),
  },
];
