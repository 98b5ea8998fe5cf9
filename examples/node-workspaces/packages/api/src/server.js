const { createServer } = require('node:http');
const { contentType } = require('mime-types');
const { written } = require('@example/prices');

const CENTS = { '/tea': 320, '/coffee': 405 };

const server = createServer((request, response) => {
  const cents = CENTS[request.url];
  response.statusCode = cents === undefined ? 404 : 200;
  response.setHeader('content-type', contentType('txt'));
  response.end(`${cents === undefined ? 'not sold here' : written(cents)}\n`);
});
server.listen(3000, () => console.log('listening on 3000'));
process.on('SIGTERM', () => process.exit());
