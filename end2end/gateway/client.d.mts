/** An event of the gateway; what is in it depends on its name. */
export interface Event { event: string; payload: any }
export interface Client {
  events: Event[];
  call(method: string, params?: unknown): Promise<any>;
  event(test: (frame: Event) => boolean, timeoutMs?: number): Promise<Event>;
  run(method: string, params: unknown, timeoutMs?: number): Promise<{ runId: string; end: any }>;
  close(): void;
}
export function canonical(key: string): string;
export function textOf(message: unknown): string;
export function connect(to: { url: string; token?: string; timeoutMs?: number }): Promise<Client>;
