const express = require('express');

/** The API over a list of notes that lives as long as the process. */
function createApp(notes = ['water the plants']) {
  const app = express();
  app.use(express.json());
  app.get('/', (request, response) => {
    response.json({ notes, environment: process.env.NODE_ENV ?? 'none' });
  });
  app.post('/notes', (request, response) => {
    const { text } = request.body;
    if (typeof text !== 'string' || text === '') {
      response.status(400).json({ error: 'a note needs a text' });
      return;
    }
    notes.push(text);
    response.status(201).json({ count: notes.length });
  });
  return app;
}

module.exports = { createApp };
