import { ShardChannels } from '../../../../lib/transport/wire/shard-channels.js';

describe('the way of answers to a caller', () => {
  it('is within its shard once a frame came so, whatever comes everywhere afterwards', () => {
    const channels = new ShardChannels();
    channels.heard('caller:r', false);
    expect(channels.wayOf('caller:r')).toBeUndefined();
    channels.heard('caller:r', true);
    channels.heard('caller:r', false);
    expect(channels.wayOf('caller:r')).toEqual({ underWay: 0, isInDoubt: false });
  });

  it('is everywhere again when an answer had no receiver in the shard, and the caller then speaks everywhere', () => {
    const channels = new ShardChannels();
    channels.heard('caller:r', true);
    const way = channels.wayOf('caller:r')!;
    Object.assign(way, { isInDoubt: true, underWay: 1 });
    channels.heard('caller:r', false);
    expect(channels.wayOf('caller:r')).toBe(way);
    way.underWay = 0;
    channels.heard('caller:r', false);
    expect(channels.wayOf('caller:r')).toBeUndefined();
    channels.heard('caller:r', true);
    expect(channels.wayOf('caller:r')).toBeDefined();
  });
});

describe('the way of calls to an instance', () => {
  it('is what its record says', () => {
    const channels = new ShardChannels();
    channels.announce('instance', true);
    channels.heard('instance:r', false);
    expect(channels.isAnnounced('instance')).toBe(true);
    channels.announce('instance', false);
    channels.heard('instance:r', true);
    expect(channels.isAnnounced('instance')).toBe(false);
  });
});
