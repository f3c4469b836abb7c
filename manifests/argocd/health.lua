-- Health of a ModelDeployment, RoutingPolicy or CacheTier from its kstatus conditions. The first row that fits:
--
--   situation                                         health
--   -----------------------------------------------   -----------------------------------------------
--   Suspended is True                                 Suspended, with its message
--   spec.suspend                                      Suspended
--   no status of this generation, or no Ready in it   Progressing
--   Stalled is True (serving or not: rolled back,     Degraded, with the message of Stalled
--     refused, cannot start)
--   Reconciling is True, or Ready is not              Progressing, with the message of Ready
--   ResolvedRefs is False                             Healthy, with the message of ResolvedRefs
--   otherwise                                         Healthy, with the message of Ready
local found = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    found[condition.type] = condition
  end
end
local function is(kind, status)
  return found[kind] ~= nil and found[kind].status == status
end
if (obj.spec ~= nil and obj.spec.suspend == true) or is("Suspended", "True") then
  local paused = is("Suspended", "True") and found.Suspended.message
  return {status = "Suspended", message = paused or "suspended: nothing is touched until spec.suspend is false"}
end
if found.Ready == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the operator"}
end
if is("Stalled", "True") then
  return {status = "Degraded", message = found.Stalled.message}
end
if is("Reconciling", "True") or not is("Ready", "True") then
  return {status = "Progressing", message = found.Ready.message}
end
if is("ResolvedRefs", "False") then
  return {status = "Healthy", message = found.ResolvedRefs.message}
end
return {status = "Healthy", message = found.Ready.message}
