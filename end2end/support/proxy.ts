// A WebSocket proxy between server and gateway. It passes everything on, unless a rule holds a
// message back: so a test stops the world at an exact moment, without any hook in the product.
import net from "node:net";

/** A JSON message of the gateway's protocol. */
export interface Message {
  from: "server" | "gateway";
  type?: string;
  id?: string;
  method?: string;
  ok?: boolean;
  event?: string;
  params?: Record<string, unknown>;
  payload?: Record<string, unknown>;
}

/** `drop`: the message never arrives. */
export type Verdict = "pass" | "drop";

/** Looks at each message, in order, one at a time in each direction. */
export type Rule = (message: Message) => Verdict;

export class WireProxy {
  url = "";
  /** Answers as it was asked for; replaced by tests. */
  rule: Rule = () => "pass";
  private readonly server = net.createServer((socket) => this.join(socket));
  private readonly sockets = new Set<net.Socket>();

  constructor(private readonly target: number) {}

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `ws://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: net.Socket): void {
    const gateway = net.connect(this.target, "127.0.0.1");
    const pair = [client, gateway];
    for (const socket of pair) {
      this.sockets.add(socket);
      socket.on("error", () => {}); // "close" follows
      socket.on("close", () => {
        this.sockets.delete(socket);
        // What was written still arrives.
        for (const other of pair) other.end();
      });
    }
    this.carry(client, gateway, "server");
    this.carry(gateway, client, "gateway");
  }

  private carry(from: net.Socket, to: net.Socket, who: Message["from"]): void {
    const frames = new Frames((raw, text) => {
      const message = text === undefined ? undefined : read(text);
      if (message && this.rule({ ...message, from: who }) === "drop") return;
      if (to.writable) to.write(raw);
    });
    from.on("data", (bytes: Buffer) => frames.take(bytes));
  }
}

function read(text: string): Omit<Message, "from"> | undefined {
  try {
    return JSON.parse(text) as Omit<Message, "from">;
  } catch {
    return undefined;
  }
}

const TEXT = 1, CONTINUED = 0, CONTROL = 8;

/** Cuts a stream into the HTTP head and then WebSocket messages; gives each with its bytes. */
class Frames {
  private bytes = Buffer.alloc(0);
  private inHead = true;
  private raw: Buffer[] = [];
  private text: Buffer[] | undefined;

  constructor(private readonly give: (raw: Buffer, text: string | undefined) => void) {}

  take(bytes: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    if (this.inHead) {
      const end = this.bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.inHead = false;
      this.give(this.cut(end + 4), undefined);
    }
    while (this.frame()) { /* as many as are whole */ }
  }

  private cut(length: number): Buffer {
    const part = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return part;
  }

  private frame(): boolean {
    const { bytes } = this;
    if (bytes.length < 2) return false;
    const final = (bytes[0] & 0x80) !== 0, opcode = bytes[0] & 0x0f, masked = (bytes[1] & 0x80) !== 0;
    let length = bytes[1] & 0x7f, at = 2;
    if (length === 126) {
      if (bytes.length < 4) return false;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return false;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const mask = masked ? bytes.subarray(at, at + 4) : undefined;
    if (masked) at += 4;
    if (bytes.length < at + length) return false;
    const raw = this.cut(at + length);
    if (opcode >= CONTROL) { // may stand between the parts of a message
      this.give(raw, undefined);
      return true;
    }
    const payload = Buffer.from(raw.subarray(at));
    if (mask) for (let i = 0; i < payload.length; i++) payload[i] ^= mask[i & 3];
    if (opcode !== CONTINUED) this.text = opcode === TEXT ? [] : undefined;
    this.text?.push(payload);
    this.raw.push(raw);
    if (final) {
      this.give(Buffer.concat(this.raw), this.text && Buffer.concat(this.text).toString("utf8"));
      this.raw = [];
      this.text = undefined;
    }
    return true;
  }
}
