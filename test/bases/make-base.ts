// Makes stand-in base images in the cache, each only when its definition changed.
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { assembleParts, fileEntries } from './assemble.ts';
import type { Architecture, BaseImage, StandInConfig } from './base-image.ts';
import { BASE_IMAGES } from './base-images.ts';
import { hashOf, lockCache, testCacheDirectory } from './cache.ts';
import { bootstrapDebian, extractPackages, installPackages } from './debian.ts';
import type { HostSettings } from './host-settings.ts';
import { readHostSettings } from './host-settings.ts';
import { diffTrees, inOrder, stackLayers } from './layers.ts';
import { unpackNpmPackages } from './npm-packages.ts';
import type { StoredLayer } from './oci-layout.ts';
import { isLayoutComplete, storeLayer, writeLayout } from './oci-layout.ts';
import type { TarEntry } from './tar.ts';
import { readTar, writeTar } from './tar.ts';

/** Raised when the way of making changes, so that nothing old is taken from a cache. */
const MAKER_VERSION = 1;
const SUITE = 'bookworm';

/** A stand-in that lies ready. */
export interface MadeBase {
  readonly image: BaseImage;
  /** The OCI layout; its index names the image by each of `image.names`. */
  readonly layout: string;
}

/** Says what is going on, one line a call. */
export type Say = (line: string) => void;

/** The row that answers to a reference such as `golang:1.21`, or has this id. Throws with the known names. */
export function findBase(name: string): BaseImage {
  const short = name.replace(/^docker\.io\/(library\/)?/, '');
  const tagged = /:[^/]+$/.test(short) ? short : `${short}:latest`;
  const found = BASE_IMAGES.find(
    (image) => image.id === name || image.names.includes(short) || image.names.includes(tagged),
  );
  if (found !== undefined) return found;
  const known = BASE_IMAGES.flatMap((image) => image.names).join(', ');
  throw new Error(`Cannot make the base image "${name}": the table has ${known}`);
}

/** Makes the named stand-ins, and what they are made of, unless they lie in the cache. */
export async function makeBases(names: readonly string[], say: Say): Promise<MadeBase[]> {
  const cache = join(testCacheDirectory(), 'bases');
  const settings = await readHostSettings();
  await using _lock = await lockCache(cache, 'make', () => {
    say('waiting for another process that makes base images');
  });
  const maker = new BaseMaker(cache, settings, say);
  const made: MadeBase[] = [];
  for (const name of names) {
    const image = findBase(name);
    made.push({ image, layout: await maker.makeLayout(image) });
  }
  return made;
}

interface MadeLayer {
  readonly archive: string;
  readonly stored: StoredLayer;
}

class BaseMaker {
  readonly #cache: string;
  readonly #settings: HostSettings;
  readonly #say: Say;

  constructor(cache: string, settings: HostSettings, say: Say) {
    this.#cache = cache;
    this.#settings = settings;
    this.#say = say;
  }

  async makeLayout(image: BaseImage): Promise<string> {
    const layout = join(this.#cache, 'layouts', `${image.id}-${this.#key(image, 'amd64').slice(0, 16)}`);
    if (isLayoutComplete(layout)) return layout;
    mkdirSync(join(this.#cache, 'layouts'), { recursive: true });
    const images = [];
    for (const architecture of image.architectures ?? (['amd64'] as const)) {
      const chain = this.#chain(image);
      const layers: StoredLayer[] = [];
      for (const row of chain) layers.push((await this.#makeLayer(row, architecture)).stored);
      images.push({ architecture, config: this.#config(image), layers });
    }
    writeLayout(layout, join(this.#cache, 'pool'), images, image.names);
    return layout;
  }

  #config(image: BaseImage): StandInConfig {
    const certificates =
      this.#settings.certificates.length > 0 ? { 'dev.stagecraft.stand-in.host-certificates': 'true' } : {};
    const isGo = image.id.startsWith('golang');
    return {
      ...image.config,
      Env: [...(image.config.Env ?? []), ...(isGo ? this.#settings.goEnvironment : [])],
      Labels: {
        ...image.config.Labels,
        'dev.stagecraft.stand-in': 'true',
        'dev.stagecraft.stand-in.note': image.note,
        ...certificates,
      },
    };
  }

  /** The rows whose layers make up an image, lowest first. */
  #chain(image: BaseImage): BaseImage[] {
    const below = image.parent === undefined ? [] : this.#chain(findBase(image.parent));
    return [...below, image];
  }

  #key(image: BaseImage, architecture: Architecture): string {
    const { step } = image;
    const sources = step.kind === 'assemble' ? step.parts : [];
    const files = sources.flatMap((part) => (part.kind === 'files' ? part.files : []));
    const all = step.kind === 'install' ? [...(step.files ?? []), ...files] : files;
    return hashOf([
      MAKER_VERSION,
      architecture,
      { ...image, names: [] },
      all.map((file) => ('script' in file ? readFileSync(scriptPath(file.script), 'utf8') : '')),
      this.#settings,
      image.parent === undefined ? '' : this.#key(findBase(image.parent), architecture),
      sources.map((part) => (part.kind === 'pick' ? this.#key(findBase(part.from), 'amd64') : '')),
    ]);
  }

  async #makeLayer(image: BaseImage, architecture: Architecture): Promise<MadeLayer> {
    const directory = join(this.#cache, 'layers');
    const name = `${image.id}-${architecture}-${this.#key(image, architecture).slice(0, 16)}`;
    const archive = join(directory, `${name}.tar`);
    const record = join(directory, `${name}.json`);
    if (existsSync(record)) {
      // The maker wrote this record itself; the key in its name covers its form.
      return { archive, stored: JSON.parse(readFileSync(record, 'utf8')) as StoredLayer };
    }
    this.#say(`making ${image.id} (${architecture})`);
    mkdirSync(directory, { recursive: true });
    const scratch = mkdtempSync(join(this.#cache, 'making-'));
    try {
      const entries = await this.#layerEntries(image, architecture, scratch);
      await pipeline(Readable.from(writeTar(entries)), createWriteStream(`${archive}.tmp`));
      renameSync(`${archive}.tmp`, archive);
      const tar = writeTar(readTar(archive).values());
      const stored = await storeLayer(join(this.#cache, 'pool'), tar, `stand-in: ${image.note}`);
      writeFileSync(`${record}.tmp`, JSON.stringify(stored));
      renameSync(`${record}.tmp`, record);
      return { archive, stored };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #layerEntries(image: BaseImage, architecture: Architecture, scratch: string): Promise<TarEntry[]> {
    const { step } = image;
    const out = join(scratch, 'out.tar');
    if (step.kind === 'bootstrap') {
      await bootstrapDebian(step.suite, out, this.#settings);
      return diffTrees(new Map(), readTar(out));
    }
    if (step.kind === 'assemble') {
      const busybox = async (of: Architecture): Promise<Map<string, TarEntry>> => {
        const archive = join(scratch, `busybox-${of}.tar`);
        await extractPackages(['busybox-static'], of, SUITE, archive, this.#settings);
        return readTar(archive);
      };
      return inOrder(
        (await assembleParts(step.parts, architecture, { busybox, tree: (id) => this.#tree(findBase(id)) })).values(),
      );
    }
    if (image.parent === undefined) throw new Error(`The base image "${image.id}" needs a parent`);
    const lower = await this.#tree(findBase(image.parent));
    const lowerArchive = join(scratch, 'lower.tar');
    await pipeline(Readable.from(writeTar(inOrder(lower.values()))), createWriteStream(lowerArchive));
    const files = fileEntries([
      ...(step.files ?? []),
      ...(step.hostSettings === undefined ? [] : this.#hostFiles()),
    ]);
    const npm = await unpackNpmPackages(step.npm ?? [], scratch);
    const filesArchive = join(scratch, 'files.tar');
    const put = inOrder([...npm.values(), ...files.values()]);
    await pipeline(Readable.from(writeTar(put)), createWriteStream(filesArchive));
    const { packages, backports = [], script = '' } = step;
    const what = { suite: SUITE, lower: lowerArchive, files: filesArchive, packages, backports, script };
    await installPackages(what, out, this.#settings, scratch);
    return diffTrees(lower, withoutRoot(readTar(out)));
  }

  #hostFiles(): { path: string; content: string }[] {
    const certificates = this.#settings.certificates.map((content, index) => ({
      path: `usr/local/share/ca-certificates/stand-in-host-${index}.crt`,
      content: `${content}\n`,
    }));
    return [...certificates, ...this.#settings.files.flatMap((file) => ('content' in file ? [file] : []))];
  }

  async #tree(image: BaseImage): Promise<Map<string, TarEntry>> {
    const layers = [];
    for (const row of this.#chain(image)) {
      layers.push(readTar((await this.#makeLayer(row, 'amd64')).archive));
    }
    return stackLayers(layers);
  }
}


function scriptPath(name: string): string {
  return join(import.meta.dirname, 'files', name);
}


/** Root's own entry is kept out: its mode and times are the runtime's matter. */
function withoutRoot(tree: Map<string, TarEntry>): Map<string, TarEntry> {
  tree.delete('');
  return tree;
}
