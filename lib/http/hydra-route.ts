import { SetMetadata, type CustomDecorator } from '@nestjs/common';

export const HYDRA_ROUTE = 'hydra:route';

/**
 * `@HydraRoute(false)` on a controller or one of its methods keeps its HTTP routes out of the registry, so that no router
 * sends requests there. On a method it overrides its controller's.
 *
 * @publicApi
 */
export const HydraRoute = (isPublished: boolean): CustomDecorator => SetMetadata(HYDRA_ROUTE, isPublished);
