import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();
crons.interval("forget old keys of commits", { minutes: 10 }, internal.retention.forget, {});
export default crons;
