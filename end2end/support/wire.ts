// A server whose talk with its gateway passes a proxy, so that a test ends either at an exact message.
import { startPair, withHouse, type Pair } from "./fixtures.ts";
import { WireProxy, type Message } from "./proxy.ts";

export interface Wire extends Pair { proxy: WireProxy }

/** Starts the three, and ends them after `use`. */
export async function withWire(name: string, use: (wire: Wire) => Promise<void>): Promise<void> {
  await withHouse(name, async (house) => {
    let proxy: WireProxy | undefined;
    house.atEnd(async () => proxy?.stop());
    const pair = await startPair(house, async (gateway) => {
      proxy = await new WireProxy(gateway.port).start();
      return proxy.url;
    });
    await use({ ...pair, proxy: proxy! });
  });
}

/** Ends the server at a message; what follows on this connection is lost with it. */
export function cutAt(wire: Wire, at: (message: Message) => boolean): Promise<void> {
  return new Promise((resolve) => {
    let cut = false;
    wire.proxy.rule = (message) => {
      if (!cut && at(message)) {
        cut = true;
        wire.board.cut();
        resolve();
      }
      return cut ? "drop" : "pass";
    };
  });
}

/** Starts the server again on its folder and port, with nothing in the way. */
export async function again(wire: Wire): Promise<void> {
  await wire.board.ended;
  wire.proxy.rule = () => "pass";
  await wire.board.start();
}
