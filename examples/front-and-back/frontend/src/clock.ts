interface Answer {
  readonly time: string;
}

/** Shows the time of the server, again and again. */
async function show(element: HTMLTimeElement): Promise<void> {
  const answer = (await (await fetch('/time')).json()) as Answer;
  element.textContent = answer.time;
  setTimeout(() => void show(element), 1000);
}

void show(document.querySelector('time') as HTMLTimeElement);
