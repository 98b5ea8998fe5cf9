const express = require('express');
const { join } = require('node:path');

let votes = 0;
const app = express();
app.use(express.static(join(__dirname, 'public')));
app.get('/api/votes', (request, response) => response.json({ votes }));
app.post('/api/votes', (request, response) => response.json({ votes: ++votes }));

const server = app.listen(3000, () => console.log('listening on 3000'));
process.on('SIGTERM', () => server.close(() => process.exit()));
