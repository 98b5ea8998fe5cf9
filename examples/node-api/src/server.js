const { createApp } = require('./app.js');

const port = Number(process.env.PORT ?? 3000);
const server = createApp().listen(port, () => {
  console.log(`listening on ${port}`);
});
// As process 1 of a container it gets no default actions for signals.
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => server.close(() => process.exit()));
