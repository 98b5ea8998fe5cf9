import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { renderToString } from 'react-dom/server';
import { Page } from './page.jsx';

const style = readFileSync('public/style.css', 'utf8');
const port = Number(process.env.PORT ?? 3000);

const server = createServer((request, response) => {
  if (request.url === '/style.css') {
    response.setHeader('content-type', 'text/css').end(style);
    return;
  }
  const html = renderToString(<Page path={request.url} time={new Date().toISOString()} />);
  response.setHeader('content-type', 'text/html; charset=utf-8').end(`<!doctype html>${html}`);
});
server.listen(port, () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => process.exit());
