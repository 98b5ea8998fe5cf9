const { createServer } = require('node:http');
const { typeOf } = require('./type-of.js');

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ path: request.url, type: typeOf(request.url) }));
});
server.listen(3000, () => console.log('listening on 3000'));
process.on('SIGTERM', () => process.exit());
