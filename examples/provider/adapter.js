/*
 * Where the provider keeps sessions, grants, codes, tokens and clients: one
 * Map, so that it outlives a change of keys and can be looked through.
 */

const GRANTED = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

export class Memory {
  #rows = new Map();

  /* ids of all codes and tokens, which are what clients hold */
  secrets = new Set();

  put(model, id, payload, seconds) {
    const ends = seconds ? Date.now() + seconds * 1000 : Infinity;
    this.#rows.set(`${model}:${id}`, { model, id, payload, ends });
    if (GRANTED.has(model)) {
      this.secrets.add(id);
    }
  }

  get(model, id) {
    const row = this.#rows.get(`${model}:${id}`);
    if (row && row.ends <= Date.now()) {
      this.#rows.delete(`${model}:${id}`);
      return undefined;
    }
    return row?.payload;
  }

  delete(model, id) {
    this.#rows.delete(`${model}:${id}`);
  }

  /* All live rows of a model for which the test holds. */
  select(model, test = () => true) {
    return [...this.#rows.values()].filter((row) => row.model === model
      && row.ends > Date.now() && test(row.payload));
  }

  deleteGrant(grantId) {
    for (const [key, row] of this.#rows) {
      if (GRANTED.has(row.model) && row.payload.grantId === grantId) {
        this.#rows.delete(key);
      }
    }
  }
}

/* The class that oidc-provider asks for, one object per model. */
export function adapterFor(memory) {
  return class Adapter {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, seconds) {
      memory.put(this.model, id, payload, seconds);
    }

    async find(id) {
      return memory.get(this.model, id);
    }

    async findByUid(uid) {
      return memory.select(this.model, (p) => p.uid === uid)[0]?.payload;
    }

    async findByUserCode(code) {
      return memory.select(this.model,
        (p) => p.userCode === code)[0]?.payload;
    }

    async consume(id) {
      const payload = memory.get(this.model, id);
      if (payload) {
        payload.consumed = Math.floor(Date.now() / 1000);
      }
    }

    async destroy(id) {
      memory.delete(this.model, id);
    }

    async revokeByGrantId(grantId) {
      memory.deleteGrant(grantId);
    }
  };
}
