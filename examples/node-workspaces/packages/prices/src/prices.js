/** An amount of cents as people write it. */
function written(cents) {
  return `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')} EUR`;
}

module.exports = { written };
