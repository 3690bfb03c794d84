// One call by a function with the signature of `fetch`, told as one outcome: for Node and for pages alike.

/** The origin that the client used, wherever it occurs in a body, so that links of two origins compare. */
const ORIGIN = new TextEncoder().encode('ORIGIN');

/** Asks one call, and tells what came of it. Never throws. */
export async function ask(base, call, send) {
  try {
    const response = await send(base + call.target, { headers: call.fields });
    const body = new Uint8Array(await response.arrayBuffer());
    return { target: call.target, status: response.status, ...(await told(base, body)), fields: Object.fromEntries(response.headers) };
  } catch (error) {
    return { target: call.target, error: String(error.cause ?? error) };
  }
}

/** Length and digest of a body that the client has decoded. */
export async function told(base, decoded) {
  const { body, links } = withoutOrigin(decoded, new TextEncoder().encode(base));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { length: body.length, links, sha256 };
}

/** The body with `ORIGIN` in the place of `origin`, and how often that was. */
function withoutOrigin(body, origin) {
  const pieces = [];
  let from = 0;
  for (let at = body.indexOf(origin[0]); at >= 0; at = body.indexOf(origin[0], at + 1)) {
    if (origin.every((byte, index) => body[at + index] === byte)) {
      pieces.push(body.subarray(from, at), ORIGIN);
      from = at + origin.length;
    }
  }
  pieces.push(body.subarray(from));
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let end = 0;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.length;
  }
  return { body: whole, links: (pieces.length - 1) / 2 };
}
