// Calls the documented API with the session of this browser.

/** An answer that is not a good one: `status`, the server's `code`, its sentence, and every problem. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = body?.error_code;
    this.detail = body?.detail ?? [];
    this.retryAfter = null;
  }
}

/** `await call("POST", "/v1/keys", { name: "shop" })`; the decoded answer. Raises ApiError. */
export async function call(method, path, body, options = {}) {
  const asked = { method, credentials: "same-origin", redirect: "error", ...options };
  if (body instanceof Blob || body instanceof FormData) asked.body = body;
  else if (body !== undefined) {
    asked.body = JSON.stringify(body);
    asked.headers = { "Content-Type": "application/json", ...options.headers };
  }
  const answer = await fetch(path, asked);
  const said = await answer.json().catch(() => null);
  if (!answer.ok) {
    const problem = new ApiError(answer.status, said);
    problem.retryAfter = answer.headers.get("Retry-After");
    throw problem;
  }
  return said;
}

/** The path of one of our own absolute URLs, so that it is the same origin however we were reached. */
export function pathOf(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}
