-- For wrk: asks the targets of the file $BENCH_TARGETS in turn, and says at the end, in one line of JSON, what came of it.
local requests, next_one = {}, 0

function init()
  for target in io.lines(os.getenv("BENCH_TARGETS")) do
    requests[#requests + 1] = wrk.format("GET", target)
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('\n{"answers": %d, "duration_us": %d, "errors": %d}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
