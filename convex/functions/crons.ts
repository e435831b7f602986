import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();
crons.interval("forget old keys of commits", { minutes: 10 }, internal.retention.forget, {});
crons.interval("remove what nothing reads any more", { hours: 6 }, internal.retention.retire, {});
// Begins when it is deployed; once all is short it looks at nothing.
crons.interval("shorten what older functions wrote", { hours: 6 }, internal.retention.shorten, {});
export default crons;
