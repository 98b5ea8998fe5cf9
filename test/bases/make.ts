// node --import tsx test/bases/make.ts [name…|--list|--all]: makes stand-in base images in the cache.
import { BASE_IMAGES } from './base-images.ts';
import { makeBases } from './make-base.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const names = process.argv.slice(2);

if (names.length === 0 || names.includes('--list')) {
  for (const image of BASE_IMAGES) {
    if (image.names.length > 0) say(`${image.id}: ${image.names.join(', ')} (${image.note})`);
  }
} else {
  const wanted = names.includes('--all')
    ? BASE_IMAGES.filter((image) => image.names.length > 0).map((image) => image.id)
    : names;
  for (const base of await makeBases(wanted, say)) say(`${base.image.id}: ${base.layout}`);
}
