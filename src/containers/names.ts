/** Words for the names of containers that get none from the user. */
const QUALITIES =
  'amber brave brisk calm clever copper crisp eager fair fleet gentle golden happy honest humble jolly ' +
  'keen kind lively lucid merry mild neat nimble noble olive patient plucky polite prompt proud quick ' +
  'quiet ready silver sincere smart snug solid spry steady sunny swift tidy trusty upbeat vivid warm wise';
const THINGS =
  'anchor anvil apron awning barrel beacon bellows brush canvas chisel compass cradle curtain easel ' +
  'fender ferry forge frame gable gantry girder hammer hinge keel kettle ladder lantern lathe lever loom ' +
  'mallet mast mortar pallet pulley quarry rafter ratchet rivet saddle scaffold sluice spindle trestle ' +
  'trowel truss tunnel wagon wharf winch';

/** `swift-lantern`. `random` gives numbers from 0 up to, not including, 1. */
export function randomName(random: () => number, isTaken: (name: string) => boolean): string {
  const pick = (words: string): string => {
    const list = words.split(' ');
    return list[Math.floor(random() * list.length)] ?? words;
  };
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(QUALITIES)}-${pick(THINGS)}${attempt < MAX_PLAIN ? '' : attempt}`;
    if (!isTaken(name)) return name;
  }
}

/** Attempts before names get a number. */
const MAX_PLAIN = 10;

/** Whether `--name` can be one (Docker's rule). */
export function isContainerName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$/.test(name);
}
