import { BASE_IMAGES, recipeFor } from './base-images.ts';
import { ensureBase } from './make-base.ts';
const words = process.argv.slice(2);
if (words.includes('--list')) {
  for (const { recipe, names } of BASE_IMAGES)
    process.stdout.write(`${recipe}: ${names.join(', ')}
`);
} else {
  const images = words.includes('--all') ? BASE_IMAGES : words.map(recipeFor);
  for (const image of images) {
    const dir = await ensureBase(image, (text) =>
      process.stderr.write(`${text}
`),
    );
    process.stdout.write(`${image.recipe} ${dir}
`);
  }
}
