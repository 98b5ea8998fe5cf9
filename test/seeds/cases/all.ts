import type { SeedCase, SeedDocument } from '../seed-case.ts';
import { ARTICLE_CASES } from './article.ts';
import { CHAPTER_CASES } from './chapter.ts';
import { GUIDE_CASES } from './guide.ts';
import { MODULE_CASES } from './module.ts';
import { TUTORIAL_CASES } from './tutorial.ts';

/** All cases by text, in the order of the texts. */
export const SEED_CASES: Readonly<Record<SeedDocument, readonly SeedCase[]>> = {
  chapter: CHAPTER_CASES,
  tutorial: TUTORIAL_CASES,
  guide: GUIDE_CASES,
  article: ARTICLE_CASES,
  module: MODULE_CASES,
};
