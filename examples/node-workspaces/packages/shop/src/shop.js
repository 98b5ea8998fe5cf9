const { bold } = require('picocolors');
const { written } = require('@example/prices');

console.log(bold(`Tea: ${written(320)}`));
