import { constants, runInThisContext } from 'node:vm';

import { jest } from '@jest/globals';

import { LuaMachine } from '../../../../lib/testing/lua/lua-machine.js';
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

  it('orders a table alike, whatever was done in other ones before', async () => {
    const first = orderIn(new LuaMachine(await loadLua()));
    for (let size = 1; size <= 1_000; size *= 10) orderIn(new LuaMachine(await loadLua()), size);
    expect(orderIn(new LuaMachine(await loadLua()))).toBe(first);
  });

  it('orders a table alike at any time', async () => {
    const lua = [await loadLua(), await loadLua()] as const;
    const clock = jest.spyOn(runInThisContext('Date') as DateConstructor, 'now');
    const orders = lua.map((library, second) => {
      clock.mockReturnValue(1_800_000_000_000 + second * 1_000);
      return orderIn(new LuaMachine(library));
    });
    expect(orders[1]).toBe(orders[0]);
  });
});

/** In which order Lua names the fields of a table of this size. */
function orderIn(machine: LuaMachine, size = 64): string {
  const source = `local table = {} for n = 1, ${size} do table['field ' .. n] = n end
    local order = '' for name in pairs(table) do order = order .. name .. ' ' end return order`;
  expect(machine.compile(source, '@order')).toBe(true);
  expect(machine.call(0, 1)).toBe(true);
  return machine.string(-1);
}
