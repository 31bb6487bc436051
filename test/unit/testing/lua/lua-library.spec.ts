import { constants, runInThisContext } from 'node:vm';

import { jest } from '@jest/globals';

import { loadLua } from '../../../../lib/testing/lua/lua-library.js';

interface Wasmoon {
  readonly LuaFactory: { readonly prototype: { getLuaModule(): Promise<unknown> } };
}

/** As the library finds it under jest: by Node's own loader. */
const importWasmoon = runInThisContext("() => import('wasmoon')", {
  filename: import.meta.filename,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
}) as () => Promise<Wasmoon>;

afterEach(() => jest.restoreAllMocks());

describe('Lua', () => {
  it('is loaded again after it could not be loaded', async () => {
    const { prototype } = (await importWasmoon()).LuaFactory;
    jest.spyOn(prototype, 'getLuaModule').mockRejectedValueOnce(new Error('out of memory'));
    await expect(loadLua()).rejects.toThrow('out of memory');
    const lua = await loadLua();
    expect(lua.luaL_newstate()).toBeGreaterThan(0);
  });
});
