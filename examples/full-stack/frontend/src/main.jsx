import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

/** The votes that the server has, and a button for one more. */
function Votes() {
  const [votes, setVotes] = useState(undefined);
  const load = async (method) => {
    const answer = await fetch('/api/votes', { method });
    setVotes((await answer.json()).votes);
  };
  useEffect(() => void load('GET'), []);
  if (votes === undefined) return <p>Asking the server</p>;
  return <button onClick={() => load('POST')}>{votes} votes</button>;
}

createRoot(document.getElementById('root')).render(<Votes />);
