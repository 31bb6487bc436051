import 'reflect-metadata';
import { Type } from 'class-transformer';
import { IsInt, IsString, ValidateNested } from 'class-validator';
import { z } from 'zod';

import { ConfigSchemas } from '../../../../lib/config/schema/config-schemas.js';
import type { StandardSchema } from '../../../../lib/index.js';

class Place {
  @IsString()
  city!: string;
}

class Shop {
  @IsInt()
  floors!: number;

  @ValidateNested()
  @Type(() => Place)
  place!: Place;

  open = true;
}

describe('requirements', () => {
  it('make of a document what a class and a schema make of their parts', async () => {
    const requirements = new ConfigSchemas([]);
    const shop = requirements.add(Shop, ['shop']);
    const limit = requirements.add(z.object({ limit: z.coerce.number() }));
    const values = await requirements.valuesOf(
      { shop: { floors: 2, place: { city: 'Ulm' } }, limit: '5' },
      'x:1',
    );
    expect(values.get(shop)).toBeInstanceOf(Shop);
    expect(values.get(shop)).toEqual({ floors: 2, place: { city: 'Ulm' }, open: true });
    expect((values.get(shop) as Shop).place).toBeInstanceOf(Place);
    expect(values.get(limit)).toEqual({ limit: 5 });
  });

  it('name every path that is wrong, in nested classes too', async () => {
    const requirements = new ConfigSchemas([]);
    requirements.add(Shop, ['shop']);
    await expect(requirements.valuesOf({ shop: { floors: 'x', place: {} } }, 'x:1')).rejects.toThrow(
      /x:1 is refused: shop\.floors: .*; shop\.place\.city: /,
    );
    await expect(requirements.valuesOf({}, 'x:1')).rejects.toThrow('shop: is not an object');
  });

  it('take schemas that are functions, and schemas that are asynchronous', async () => {
    const validate = async (value: unknown) =>
      value === 1 ? { value: 'one' } : { issues: [{ message: 'is not one', path: [{ key: 'deep' }] }] };
    const schema: StandardSchema<string> = Object.assign(() => undefined, {
      '~standard': { version: 1 as const, vendor: 'test', validate },
    });
    const requirements = new ConfigSchemas([]);
    const one = requirements.add(schema, ['n']);
    expect((await requirements.valuesOf({ n: 1 }, 'x:1')).get(one)).toBe('one');
    await expect(requirements.valuesOf({ n: 2 }, 'x:1')).rejects.toThrow('n.deep: is not one');
  });

  it('do not quote what is wrong with a secret', async () => {
    const requirements = new ConfigSchemas(['pin']);
    const tooShort = (value: string) => `"${value}" is too short`;
    requirements.add(
      z.object({ pin: z.string().refine(() => false, { error: ({ input }) => tooShort(String(input)) }) }),
    );
    await expect(requirements.check({ pin: '1234' }, 'x:1')).rejects.toThrow('pin: is not valid');
    await expect(requirements.check({ pin: '1234' }, 'x:1')).rejects.not.toThrow('1234');
  });

  it('do not quote what a reference leads to, whatever it is called', async () => {
    const quoting = (name: string): StandardSchema => ({
      '~standard': {
        version: 1,
        vendor: 'quoting',
        validate: (value) => ({
          issues: [{ message: `received ${JSON.stringify(value)}`, path: name ? [name] : [] }],
        }),
      },
    });
    const requirements = new ConfigSchemas([]);
    requirements.add(quoting('url'), ['db']);
    requirements.add(quoting(''));
    const refused = requirements.valuesOf({ db: { url: 'postgres://u:hunter2@db' }, n: 1 }, 'x:1', {
      db: { url: 'env:DB_URL' },
      n: 1,
    });
    await expect(refused).rejects.toThrow('db.url: is not valid');
    await expect(refused).rejects.toThrow('"n":1');
    await expect(refused).rejects.not.toThrow('hunter2');
  });

  it('show no more than a few of many', async () => {
    const requirements = new ConfigSchemas([]);
    requirements.add(z.record(z.string(), z.number()));
    const document = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, 'x']));
    await expect(requirements.check(document, 'x:1')).rejects.toThrow('and 4 more');
  });
});
