// Tells which kind of image it runs in.
const { createServer } = require('node:http');

const server = createServer((request, response) => {
  response.end(`${process.env.NODE_ENV}: ${request.url}\n`);
});
server.listen(3000, () => console.log('listening on 3000'));
process.on('SIGTERM', () => process.exit());
