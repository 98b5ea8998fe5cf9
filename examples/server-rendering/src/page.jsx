/** The page: what was asked for, and when. */
export function Page({ path, time }) {
  return (
    <html lang="en">
      <head>
        <title>Rendered on the server</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <main>
          <h1>You asked for {path}</h1>
          <time>{time}</time>
        </main>
      </body>
    </html>
  );
}
