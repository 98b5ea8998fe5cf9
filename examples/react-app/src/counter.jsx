import { useState } from 'react';

/** A number and a button that raises it. */
export function Counter({ step }) {
  const [count, setCount] = useState(0);
  return (
    <section>
      <output>{count}</output>
      <button onClick={() => setCount(count + step)}>More</button>
    </section>
  );
}
